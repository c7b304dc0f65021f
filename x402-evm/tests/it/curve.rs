//! k256 against libsecp256k1 and against alloy: the same signatures, the same signers, the same
//! refusals.

use alloy_primitives::{Address, B256, b256, keccak256};
use proptest::prelude::*;
use secp256k1::ecdsa::{RecoverableSignature, RecoveryId};
use secp256k1::{Message, PublicKey, SecretKey};
use x402_evm::{LocalSigner, Signature, SignatureError};

/// The curve's order, its half, and the coordinate of its generator.
const ORDER: B256 = b256!("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141");
const HALF: B256 = b256!("7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0");
const GENERATOR_X: B256 = b256!("79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798");

mod reference {
    use super::*;

    pub(super) fn address(key: &PublicKey) -> Address {
        Address::from_word(keccak256(&key.serialize_uncompressed()[1..]))
    }

    /// Signs with libsecp256k1.
    pub(super) fn sign(key: &SecretKey, digest: B256) -> [u8; 65] {
        let message = Message::from_digest(digest.0);
        let signature = RecoverableSignature::sign_ecdsa_recoverable(message, key);
        let (id, rs) = signature.serialize_compact();
        let mut bytes = [27 + id.to_u8(); 65];
        bytes[..64].copy_from_slice(&rs);
        bytes
    }

    /// Recovers with libsecp256k1.
    pub(super) fn libsecp256k1(bytes: &[u8; 65], digest: B256) -> Option<Address> {
        let id = RecoveryId::try_from(i32::from(bytes[64] - 27)).unwrap();
        let signature = RecoverableSignature::from_compact(&bytes[..64], id).ok()?;
        signature.recover_ecdsa(Message::from_digest(digest.0)).ok().map(|key| address(&key))
    }

    /// Recovers with alloy, which stands on an older k256.
    pub(super) fn alloy(bytes: &[u8; 65], digest: B256) -> Option<Address> {
        let signature = alloy_primitives::Signature::from_raw_array(bytes).unwrap();
        signature.recover_address_from_prehash(&digest).ok()
    }

    /// The other signature over the same message that anybody can make of one.
    pub(super) fn twin(bytes: &[u8; 65]) -> [u8; 65] {
        let mut twin = *bytes;
        let order = alloy_primitives::U256::from_be_bytes(ORDER.0);
        let s = alloy_primitives::U256::from_be_slice(&bytes[32..64]);
        twin[32..64].copy_from_slice(&(order - s).to_be_bytes::<32>());
        twin[64] ^= 27 ^ 28;
        twin
    }
}

fn join(r: B256, s: B256, v: u8) -> [u8; 65] {
    [r.as_slice(), s.as_slice(), &[v]].concat().try_into().unwrap()
}

/// Says what ours says, and that both references say the same.
fn recovered_alike(bytes: &[u8; 65], digest: B256) -> Option<Address> {
    let theirs = reference::libsecp256k1(bytes, digest);
    assert_eq!(reference::alloy(bytes, digest), theirs);
    let ours = match Signature::from_bytes(bytes) {
        Ok(signature) => signature.recover(digest),
        Err(SignatureError::HighS) => {
            // The references take it: its twin is the one that we take.
            let twin = Signature::from_bytes(&reference::twin(bytes)).unwrap();
            twin.recover(digest)
        }
        Err(error) => Err(error),
    };
    assert_eq!(ours.ok(), theirs);
    theirs
}

fn word() -> impl Strategy<Value = B256> {
    any::<[u8; 32]>().prop_map(B256::from)
}

/// Numbers about which implementations may differ, and ordinary ones.
fn edge() -> impl Strategy<Value = B256> {
    let beside = |word: B256| {
        let number = alloy_primitives::U256::from_be_bytes(word.0);
        let one = alloy_primitives::U256::ONE;
        [number.wrapping_sub(one), number, number.wrapping_add(one)].map(B256::from)
    };
    let edges = [B256::ZERO, ORDER, HALF, GENERATOR_X, B256::repeat_byte(0xff)];
    prop_oneof![
        3 => word(),
        1 => prop::sample::select(edges.map(beside).concat()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn signatures_are_those_of_libsecp256k1(key in any::<[u8; 32]>(), digest in edge()) {
        let ours = LocalSigner::from_bytes(&key);
        let theirs = SecretKey::from_secret_bytes(key);
        prop_assert_eq!(ours.is_ok(), theirs.is_ok());
        let (Ok(ours), Ok(theirs)) = (ours, theirs) else { return Ok(()) };
        prop_assert_eq!(ours.address(), reference::address(&PublicKey::from_secret_key(&theirs)));

        let signature = ours.sign_digest_unseen(digest);
        let bytes = signature.to_bytes();
        prop_assert_eq!(bytes, reference::sign(&theirs, digest));
        prop_assert_eq!(Signature::from_bytes(&bytes), Ok(signature));
        prop_assert_eq!(recovered_alike(&bytes, digest), Some(ours.address()));
    }

    #[test]
    fn any_numbers_are_recovered_or_refused_alike(
        r in edge(), s in edge(), v in 27u8..=28, digest in edge()
    ) {
        recovered_alike(&join(r, s, v), digest);
    }

    #[test]
    fn damaged_signatures_are_recovered_or_refused_alike(
        key in 1u64.., digest in word(), bit in 0usize..512
    ) {
        let mut secret = [0; 32];
        secret[24..].copy_from_slice(&key.to_be_bytes());
        let signer = LocalSigner::from_bytes(&secret).unwrap();
        let mut bytes = signer.sign_digest_unseen(digest).to_bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        prop_assert_ne!(recovered_alike(&bytes, digest), Some(signer.address()));
    }

    #[test]
    fn malleable_twin_is_refused(digest in word()) {
        let signer = LocalSigner::from_bytes(&[7; 32]).unwrap();
        let twin = reference::twin(&signer.sign_digest_unseen(digest).to_bytes());
        prop_assert_eq!(reference::libsecp256k1(&twin, digest), Some(signer.address()));
        prop_assert_eq!(Signature::from_bytes(&twin), Err(SignatureError::HighS));
    }
}

#[test]
fn keys_out_of_range_are_refused_alike() {
    for bytes in [B256::ZERO, ORDER, B256::repeat_byte(0xff)] {
        assert!(SecretKey::from_secret_bytes(bytes.0).is_err());
        assert!(LocalSigner::from_bytes(&bytes).is_err());
    }
}

#[test]
fn signature_of_the_point_at_infinity_is_nobodys() {
    // s·R = z·G, so that nothing is left for the key.
    let one = B256::with_last_byte(1);
    for v in [27, 28] {
        let bytes = join(GENERATOR_X, one, v);
        let infinite = v == 27;
        assert_eq!(recovered_alike(&bytes, one).is_none(), infinite);
        let ours = Signature::from_bytes(&bytes).unwrap().recover(one);
        assert_eq!(ours == Err(SignatureError::Unrecoverable), infinite);
    }
}

#[test]
fn half_of_the_order_is_the_largest_s() {
    let above = alloy_primitives::U256::from_be_bytes(HALF.0) + alloy_primitives::U256::ONE;
    assert!(Signature::from_bytes(&join(GENERATOR_X, HALF, 27)).is_ok());
    let high = Signature::from_bytes(&join(GENERATOR_X, above.into(), 27));
    assert_eq!(high, Err(SignatureError::HighS));
}
