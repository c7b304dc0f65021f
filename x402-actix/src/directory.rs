use actix_web::{HttpResponse, Resource, web};

use crate::Paywall;

impl Paywall {
    /// `GET /.well-known/x402`: what the site sells, for indexers and agents; see
    /// [`Directory`](x402_server::Directory). It costs nothing, and any site's pages may read it.
    ///
    /// ```
    /// use actix_web::{App, web};
    ///
    /// # fn site(paywall: &x402_actix::Paywall) -> Result<(), x402_actix::ConfigError> {
    /// let price = paywall.price("$0.001")?.with(|price| price.route("GET /weather/{city}"))?;
    /// let app = App::new()
    ///     .service(web::resource("/weather/{city}").get(async || "Fine").wrap(price))
    ///     .service(paywall.directory_resource());
    /// # drop(app); Ok(()) }
    /// ```
    pub fn directory_resource(&self) -> Resource {
        let paywall = self.clone();
        web::resource("/.well-known/x402").get(move || {
            let answer = HttpResponse::Ok()
                .content_type("application/json")
                .insert_header(("cache-control", "public, max-age=60"))
                .insert_header(("access-control-allow-origin", "*"))
                .body(paywall.directory_json());
            std::future::ready(answer)
        })
    }
}
