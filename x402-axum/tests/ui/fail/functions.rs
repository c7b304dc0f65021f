use axum::extract::State;
use x402_axum::paid;

#[paid("$1")]
fn waits_for_nothing() {}

#[paid("1 $")]
unsafe fn several() {}

#[paid("$1")]
struct Thing;

struct Shop;

impl Shop {
    #[paid("$1")]
    async fn sell(&self) {}
}

#[paid("$1")]
async fn conditional(#[cfg(unix)] _: State<u8>) {}

#[paid("$1")]
#[paid("$2")]
async fn twice() {}

#[rustfmt::skip]
#[paid("$1")]
async fn many(
    _: State<u8>, _: State<u8>, _: State<u8>, _: State<u8>, _: State<u8>, _: State<u8>, _: State<u8>, _: State<u8>,
    _: State<u8>, _: State<u8>, _: State<u8>, _: State<u8>, _: State<u8>, _: State<u8>, _: State<u8>, _: State<u8>,
    _: State<u8>,
) {
}

fn main() {}
