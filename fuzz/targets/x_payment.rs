//! The header `X-PAYMENT`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use x402_fuzz::header_of;
use x402_types::v1;

fuzz_target!(|bytes: &[u8]| header_of::<v1::PaymentPayload>(bytes));
