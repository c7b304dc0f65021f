use actix_cors::Cors;
use x402_server::cors::{ALLOW_HEADERS, EXPOSE_HEADERS, MAX_AGE_SECONDS};

/// Lets pages of any site pay: they may send a payment, and read the terms and the receipt. No
/// cookies. Wrap the whole app in it, last, so that a preflight is answered without a payment and a
/// 402 can be read.
///
/// ```
/// use actix_web::{App, web};
///
/// # fn site(paywall: &x402_actix::Paywall) -> Result<(), x402_actix::ConfigError> {
/// let report = web::resource("/report").get(async || "…").wrap(paywall.price("$0.05")?);
/// let app = App::new().service(report).wrap(x402_actix::cors());
/// # drop(app); Ok(()) }
/// ```
pub fn cors() -> Cors {
    let age = usize::try_from(MAX_AGE_SECONDS).ok();
    Cors::default()
        .allow_any_origin()
        .send_wildcard()
        .allowed_methods(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
        .allowed_headers(ALLOW_HEADERS)
        .expose_headers(EXPOSE_HEADERS)
        .max_age(age)
}
