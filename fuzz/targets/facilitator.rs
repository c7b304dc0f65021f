//! What a facilitator is asked, and what it answers.

#![no_main]

use libfuzzer_sys::fuzz_target;
use x402_fuzz::body_of;
use x402_types::facilitator::Request;
use x402_types::{SettleResponse, SupportedResponse, VerifyResponse};

fuzz_target!(|bytes: &[u8]| {
    body_of::<Request>(bytes);
    body_of::<VerifyResponse>(bytes);
    body_of::<SettleResponse>(bytes);
    body_of::<SupportedResponse>(bytes);
});
