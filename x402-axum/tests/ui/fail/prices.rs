use x402_axum::paid;

#[paid("1,50")]
async fn comma() {}

#[paid("€1")]
async fn euro() {}

#[paid("$0.00")]
async fn zero() {}

#[paid("$0.0000000000000000001")]
async fn finer_than_any() {}

#[paid("$0.0000001", networks = ["megaeth", "base"])]
async fn finer_than_one() {}

#[paid("0.0000001 USDC")]
async fn finer_than_the_token() {}

#[paid("$1", or = ["2 dollars and a half", "$0"], networks = ["bass", "base", "polygone"])]
async fn several() {}

#[paid(0.01)]
async fn number() {}

#[paid("$1", "$2")]
async fn two() {}

fn main() {}
