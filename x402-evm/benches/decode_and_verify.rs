//! What one payment costs a seller: from the header's bytes to a checked payment, beside the one
//! thing in it that cannot be spared, the recovery of the payer's key.
//!
//! `cargo bench -p x402-evm` prints all rows and the ratio. With `-- --check` it measures only the
//! ratio, and fails where that is above the limit.

use std::error::Error;
use std::hint::black_box;
use std::process::ExitCode;
use std::time::Instant;

use alloy_primitives::{Address, B256};
use criterion::Criterion;
use k256::ecdsa::{RecoveryId, Signature, VerifyingKey};
use secp256k1::{Message, ecdsa};
use serde::Deserialize;
use x402_evm::{ExactTerms, Verified};
use x402_types::scheme::{Check, CheckedPayment, Terms as _};
use x402_types::{PaymentPayload, PaymentRequirements, header};

/// The most that decoding and verifying may take, in thousandths of a bare recovery.
const LIMIT: u64 = 1150;
/// Pairs of measurements; each is of [`BATCH`] payments and as many recoveries.
const ROUNDS: usize = 400;
const BATCH: u32 = 16;

type Failure = Box<dyn Error>;

fn main() -> Result<ExitCode, Failure> {
    let arguments: Vec<String> = std::env::args().collect();
    let given = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let payment = Payment::captured()?;
    if !given("--check") {
        rows(&payment);
    }
    if !given("--bench") {
        return Ok(ExitCode::SUCCESS);
    }
    let ratio = payment.ratio();
    println!(
        "ratio decode+verify / bare recovery = {} (limit {})",
        thousandths(ratio),
        thousandths(LIMIT)
    );
    let failed = given("--check") && ratio > LIMIT;
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// A payment as it came in, and the same signature as each library wants it.
struct Payment {
    header: String,
    now: u64,
    terms: ExactTerms,
    digest: B256,
    k256: (Signature, RecoveryId),
    alloy: alloy_primitives::Signature,
    libsecp256k1: ecdsa::RecoverableSignature,
}

impl Payment {
    /// The first of the captured payments.
    fn captured() -> Result<Self, Failure> {
        #[derive(Deserialize)]
        struct Vectors {
            payments: Vec<Captured>,
        }
        #[derive(Deserialize)]
        struct Captured {
            header: Option<String>,
            now: u64,
            offer: PaymentRequirements,
        }
        let vectors: Vectors = serde_json::from_str(include_str!("../tests/vectors.json"))?;
        let Captured { header, now, offer } =
            vectors.payments.into_iter().next().ok_or("no payment")?;
        let header = header.ok_or("no header")?;

        let terms = ExactTerms::new(&offer)?;
        let read: PaymentPayload = header::decode(header.as_bytes(), header::PAYMENT_LIMIT)?;
        let Verified { authorization, signature } = terms.verify(&read.payload, now)?;
        let bytes = signature.to_bytes();
        let (rs, _) = bytes.split_at(64);
        let odd = signature.v() == 28;
        Ok(Self {
            digest: authorization.signing_hash(terms.domain()),
            k256: (Signature::from_slice(rs)?, RecoveryId::new(odd, false)),
            alloy: alloy_primitives::Signature::from_raw_array(&bytes)?,
            libsecp256k1: ecdsa::RecoverableSignature::from_compact(
                rs,
                ecdsa::RecoveryId::try_from(i32::from(odd))?,
            )?,
            header,
            now,
            terms,
        })
    }

    fn decode_and_verify(&self) -> Result<CheckedPayment, Failure> {
        let payment: PaymentPayload =
            header::decode(black_box(self.header.as_bytes()), header::PAYMENT_LIMIT)?;
        Ok(self.terms.check(&payment.payload, self.now, Check::Signature)?)
    }

    fn recover(&self) -> Result<VerifyingKey, k256::ecdsa::Error> {
        let (signature, id) = &self.k256;
        VerifyingKey::recover_from_prehash(black_box(self.digest.as_slice()), signature, *id)
    }

    fn recover_with_alloy(&self) -> Result<Address, alloy_primitives::SignatureError> {
        self.alloy.recover_address_from_prehash(black_box(&self.digest))
    }

    fn recover_with_libsecp256k1(&self) -> Result<secp256k1::PublicKey, secp256k1::Error> {
        self.libsecp256k1.recover_ecdsa(Message::from_digest(black_box(self.digest.0)))
    }

    /// Both are measured in turn, so that a busy machine or a changing clock is the same to both,
    /// and the median of the rounds' ratios is taken.
    fn ratio(&self) -> u64 {
        let mut ratios: Vec<(u64, u64, u64)> = (0..ROUNDS)
            .map(|_| {
                let recovery = nanoseconds(|| self.recover());
                let payment = nanoseconds(|| self.decode_and_verify());
                (payment.saturating_mul(1000) / recovery.max(1), payment, recovery)
            })
            .collect();
        ratios.sort_unstable();
        let (ratio, payment, recovery) = ratios.get(ROUNDS / 2).copied().unwrap_or_default();
        println!("decode+verify {payment} ns, bare recovery {recovery} ns in the median round");
        ratio
    }
}

/// What one call takes, over a batch of them.
fn nanoseconds<T>(call: impl Fn() -> T) -> u64 {
    let start = Instant::now();
    for _ in 0..BATCH {
        black_box(call());
    }
    u64::try_from((start.elapsed() / BATCH).as_nanos()).unwrap_or(u64::MAX)
}

fn rows(payment: &Payment) {
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("one payment");
    group.bench_function("decode and verify", |b| b.iter(|| payment.decode_and_verify()));
    group.bench_function("bare recovery, k256 0.14", |b| b.iter(|| payment.recover()));
    group.bench_function("recovery, alloy", |b| b.iter(|| payment.recover_with_alloy()));
    group.bench_function("recovery, libsecp256k1", |b| {
        b.iter(|| payment.recover_with_libsecp256k1());
    });
    group.finish();
}

/// Thousandths as a decimal number.
fn thousandths(number: u64) -> String {
    format!("{}.{:03}", number / 1000, number % 1000)
}
