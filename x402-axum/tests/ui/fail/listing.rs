use x402_axum::{Paywall, paid};

#[paid("$1", route = "GET /sold")]
async fn sold() {}

async fn free() {}

struct Service;

fn list(paywall: &Paywall) {
    let _ = paywall.list(sold);
    let _ = paywall.list(free);
    let _ = paywall.list(Service);
}

struct Shelf<T>(T);

impl<T> Shelf<T> {
    #[paid("$1")]
    async fn generic(_: axum::extract::State<T>) {}
}

fn main() {}
