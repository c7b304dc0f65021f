//! The header `PAYMENT-REQUIRED`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use x402_fuzz::header_of;
use x402_types::PaymentRequired;

fuzz_target!(|bytes: &[u8]| header_of::<PaymentRequired>(bytes));
