use x402_axum::paid;

#[paid]
async fn empty() {}

#[paid()]
async fn nothing() {}

#[paid(description = "for free?")]
async fn no_price() {}

#[paid("$1", descripton = "a typo", price = "$2")]
async fn unknown() {}

#[paid("$1", upto, description = "a", upto, description = "b")]
async fn twice() {}

#[paid("$1", upto, upfront)]
async fn both() {}

#[paid("$1", scheme = "upto", flow = "upfront")]
async fn both_at_length() {}

#[paid("$1", scheme = "upto", upto)]
async fn said_already() {}

#[paid("$1", scheme = "exact", streaming)]
async fn metered() {}

#[paid("$1", scheme = "deferred", flow = "later", payment_identifier = true)]
async fn other_words() {}

#[paid("$1", upfront = true, route, networks = [], max_timeout_seconds = 0)]
async fn other_values() {}

#[paid("$1", tags = ["1", "2", "3", "4", "5", "6"], service_name = "Käse", route = "/cheese", mime_type = "text")]
async fn limits() {}

#[paid("$1" upto)]
async fn no_comma() {}

fn main() {}
