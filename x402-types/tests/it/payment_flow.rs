//! When a payment is settled is never guessed.

use x402_types::PaymentFlow;

#[test]
fn an_unknown_flow_is_no_default() {
    for flow in [PaymentFlow::Authorization, PaymentFlow::Upfront, PaymentFlow::Escrow] {
        assert_eq!(PaymentFlow::from_wire(flow.as_str()), Some(flow));
    }
    for unknown in ["", "Authorization", "authorization ", "deferred", "null"] {
        assert_eq!(PaymentFlow::from_wire(unknown), None, "{unknown}");
    }
    assert_eq!(PaymentFlow::default(), PaymentFlow::Authorization);
}
