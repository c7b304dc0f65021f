//! Whatever a seller sends: no panic, and no signature beyond the limits.

use std::sync::{Arc, Mutex};

use alloy_primitives::Address;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use url::Url;
use x402_client::{Challenge, Payer, Purchase};
use x402_evm::permit2::{EXACT_PROXY, UPTO_PROXY};
use x402_evm::{LocalSigner, Signature, Signer, SignerError, TypedData};
use x402_types::{Amount, Asset, Network, header};

const NOW: u64 = 1_767_225_660;
const OWN: &str = "0x5FbDB2315678afecb367f032d93F642f64180aa3";

/// Signs, and keeps what it was asked to sign.
#[derive(Clone)]
struct Witness(LocalSigner, Arc<Mutex<Vec<TypedData>>>);

impl Signer for Witness {
    fn address(&self) -> Address {
        self.0.address()
    }

    async fn sign_typed_data(&self, data: &TypedData) -> Result<Signature, SignerError> {
        self.1.lock().unwrap().push(data.clone());
        self.0.sign_typed_data(data).await
    }
}

/// Lets a payer with a limit of ten cents answer, and judges what it signed.
fn answer(status: u16, headers: &[(&str, Vec<u8>)], body: &[u8]) -> usize {
    let signed = Arc::<Mutex<Vec<TypedData>>>::default();
    let own = Asset::eip3009(Network::BASE_SEPOLIA, "DEV", OWN, "Dev Dollar", "1", 18);
    let payer = Payer::builder()
        .signer(Witness(LocalSigner::from_bytes(&[7; 32]).unwrap(), signed.clone()))
        .asset(own)
        .max_per_payment("$0.10")
        .clock(|| NOW)
        .build()
        .unwrap();
    let purchase = Purchase::new("GET", Url::parse("https://shop.test/").unwrap());
    let lookup = |name: &str| {
        let of_name = headers.iter().filter(move |(header, _)| name.eq_ignore_ascii_case(header));
        of_name.map(|(_, value)| value.as_slice()).collect::<Vec<_>>().into_iter()
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        if let Ok(Some(challenge)) = Challenge::read(status, lookup, body) {
            // Its texts are shown, to see that they can be.
            let _ = format!("{challenge:?}");
            match payer.pay(&challenge, &purchase).await {
                Ok(payment) => {
                    let _ = payment.conclude(status, lookup, body).await;
                }
                Err(error) => {
                    let _ = format!("{error} {error:?}");
                }
            }
        }
    });
    let signed = signed.lock().unwrap();
    for data in signed.iter() {
        let (token, chain_id, value, to, end) = match data {
            TypedData::TransferWithAuthorization { domain, message } => {
                let end = message.valid_before_seconds();
                (domain.verifying_contract, domain.chain_id, message.value, message.to, end)
            }
            TypedData::PermitWitnessTransferFrom { chain_id, message } => {
                let permitted = &message.permitted;
                assert!([EXACT_PROXY, UPTO_PROXY].contains(&message.spender));
                let end = message.deadline_seconds();
                (permitted.token, *chain_id, permitted.amount, message.witness.to, end)
            }
            _ => panic!("something else was signed"),
        };
        let token = token.to_string();
        let network = Network::eip155(chain_id);
        let decimals = Asset::find(&network, &token).map_or(18, |asset| asset.decimals);
        assert!(decimals == 6 || token == OWN, "{token} was not to be trusted");
        let most = Amount::from(10u64.pow(u32::from(decimals) - 1));
        assert!(value <= most, "{value} of {token}");
        assert!(end <= NOW + 900);
        assert!(!to.is_zero());
    }
    assert!(signed.len() <= 1);
    signed.len()
}

fn text(pool: &'static [&'static str]) -> impl Strategy<Value = Value> {
    prop_oneof![
        6 => select(pool).prop_map(Value::from),
        1 => any::<String>().prop_map(Value::from),
        1 => select(vec![json!(null), json!(7), json!(1.5), json!([]), json!({}), json!(true)]),
    ]
}

prop_compose! {
    fn offer()(
        scheme in text(&["exact", "exact", "exact", "upto"]),
        network in text(&["eip155:84532", "eip155:8453", "base-sepolia", "solana:x"]),
        amount in text(&[
            "0", "1", "99999", "100000", "100001", "1000000", "99999999999999999",
            "100000000000000000", "100000000000000001", "-1", "1e3", "0x10",
            "115792089237316195423570985008687907853269984665640564039457584007913129639935",
        ]),
        asset in text(&[
            "0x036CbD53842c5426634e7929541eC2318f3dCF7e", "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913",
            "0x036cbd53842c5426634e7929541ec2318f3dcf7e", OWN,
            "0xdec0de000000000000000000000000000000dead",
        ]),
        pay_to in text(&[
            "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC", "0x0000000000000000000000000000000000000000",
        ]),
        timeout in select(vec![json!(1), json!(60), json!(u64::MAX), json!(-1), json!("60")]),
        name in text(&["USDC", "USD Coin", "Dev Dollar"]),
        version in text(&["2", "2", "1"]),
        more in select(vec![
            json!({}), json!({}), json!({"paymentFlow": "upfront"}), json!({"paymentFlow": "escrow"}),
            json!({"assetTransferMethod": "permit2"}), json!({"decimals": 2}),
            json!({"facilitatorAddress": "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"}),
        ]),
    ) -> Value {
        let mut extra = json!({"name": name, "version": version});
        for (key, value) in more.as_object().unwrap() {
            extra[key] = value.clone();
        }
        json!({
            "scheme": scheme, "network": network, "amount": amount, "asset": asset,
            "payTo": pay_to, "maxTimeoutSeconds": timeout, "extra": extra,
            "maxAmountRequired": amount, "resource": "http://a.test/",
        })
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_bytes_are_survived(
        header in vec(any::<u8>(), 0..300),
        receipt in vec(any::<u8>(), 0..300),
        body in vec(any::<u8>(), 0..300),
    ) {
        answer(402, &[("PAYMENT-REQUIRED", header.clone())], &body);
        answer(402, &[("PAYMENT-REQUIRED", header::encode_json(&header).into_bytes())], &body);
        answer(402, &[("PAYMENT-RESPONSE", header::encode_json(&receipt).into_bytes())], &body);
    }

    #[test]
    fn any_terms_are_survived_and_nothing_beyond_the_limits_is_signed(
        offers in vec(offer(), 0..6),
        error in text(&["insufficient_funds", "nonce: used"]),
        resource in text(&["http://a.test/?q"]),
        version in select(vec![1u8, 2, 2, 2]),
    ) {
        let terms = json!({
            "x402Version": version, "error": error, "resource": {"url": resource}, "accepts": offers,
        });
        if version == 1 {
            answer(402, &[], terms.to_string().as_bytes());
        } else {
            let value = header::encode(&terms).unwrap().into_bytes();
            answer(402, &[("PAYMENT-REQUIRED", value)], b"");
        }
    }

    #[test]
    fn terms_with_one_byte_changed_are_survived(offer in offer(), at in any::<usize>(), to in any::<u8>()) {
        let mut json = json!({"x402Version": 2, "accepts": [offer]}).to_string().into_bytes();
        let at = at % json.len();
        json[at] = to;
        answer(402, &[("PAYMENT-REQUIRED", header::encode_json(&json).into_bytes())], b"");
    }
}

#[test]
fn the_witness_sees_what_is_within_the_limits() {
    let offer = json!({
        "scheme": "exact", "network": "eip155:84532", "amount": "100000",
        "asset": "0x036CbD53842c5426634e7929541eC2318f3dCF7e",
        "payTo": "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC", "maxTimeoutSeconds": u64::MAX,
        "extra": {"name": "USDC", "version": "2"},
    });
    let terms = header::encode(&json!({"x402Version": 2, "accepts": [offer]})).unwrap();
    assert_eq!(answer(402, &[("PAYMENT-REQUIRED", terms.into_bytes())], b""), 1);
}
