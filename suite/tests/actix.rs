//! The claims, of actix-web: with prices wrapped around the resources, and with `#[paid]` on the
//! handlers.

#![cfg(test)]

use std::borrow::Cow;
use std::sync::mpsc;
use std::thread;

use actix_web::dev::{ServerHandle, Service};
use actix_web::error::InternalError;
use actix_web::http::StatusCode;
use actix_web::web::{self, Data, Json, Path, Query, ServiceConfig};
use actix_web::{App, Handler, HttpResponse, HttpServer, Responder, rt};
use serde::Deserialize;
use suite::{Goods, Running, Shop};
use x402_actix::{GateLayer, NotCharged, Payment, Paywall};

#[derive(Deserialize)]
struct City {
    city: String,
}

#[derive(Deserialize)]
struct Charge {
    charge: Option<u64>,
}

/// As they are written without a price, or with one wrapped around them.
mod plain {
    use super::*;

    pub(super) async fn goods(goods: Data<Goods>) -> &'static str {
        goods.sell().await
    }

    pub(super) async fn order(goods: Data<Goods>) -> HttpResponse {
        HttpResponse::Created()
            .insert_header(("location", "/orders/1"))
            .insert_header(("cache-control", "public, max-age=60"))
            .insert_header(("cdn-cache-control", "max-age=60"))
            .append_header(("set-cookie", "a=1"))
            .append_header(("set-cookie", "b=2"))
            .body(goods.sell().await)
    }

    pub(super) async fn status(
        goods: Data<Goods>,
        code: Path<u16>,
    ) -> Result<HttpResponse, InternalError<&'static str>> {
        let code = StatusCode::from_u16(goods.status(code.into_inner()).await).unwrap();
        if code.as_u16() >= 400 {
            return Err(InternalError::new("an error", code));
        }
        Ok(HttpResponse::build(code).body(suite::MARKER))
    }

    pub(super) async fn query(city: Query<City>) -> String {
        city.into_inner().city
    }

    pub(super) async fn json(city: Json<City>) -> String {
        city.into_inner().city
    }

    pub(super) async fn payer(payment: Payment) -> String {
        payment.payer().to_owned()
    }

    pub(super) async fn upto(
        goods: Data<Goods>,
        charge: Query<Charge>,
        payment: Payment,
    ) -> &'static str {
        // Too much is an error, which is passed over here.
        let _ = charge.charge.map(|units| payment.charge(units));
        goods.sell().await
    }

    pub(super) async fn strict(
        goods: Data<Goods>,
        charge: Query<Charge>,
        payment: Payment,
    ) -> Result<&'static str, NotCharged> {
        payment.charge(charge.charge.unwrap_or_default())?;
        Ok(goods.sell().await)
    }

    pub(super) async fn metered(goods: Data<Goods>, payment: Payment) -> HttpResponse {
        HttpResponse::Ok().streaming(goods.metered((*payment).clone()).await)
    }

    pub(super) async fn stream(goods: Data<Goods>) -> HttpResponse {
        HttpResponse::Ok().streaming(goods.stream().await)
    }

    pub(super) async fn events(goods: Data<Goods>) -> HttpResponse {
        HttpResponse::Ok().content_type("text/event-stream").streaming(goods.stream().await)
    }

    pub(super) async fn panics(goods: Data<Goods>) -> &'static str {
        goods.sell_or_panic().await
    }

    pub(super) async fn named(goods: Data<Goods>) -> String {
        goods.counted().await
    }

    pub(super) async fn maybe(payment: Option<Payment>) -> &'static str {
        if payment.is_some() { "some" } else { "none" }
    }

    pub(super) async fn unpriced(goods: Data<Goods>, _: Payment) -> &'static str {
        self::goods(goods).await
    }
}

/// The same with the attribute.
mod paid {
    use x402_actix::paid;

    use super::*;

    #[paid("$0.01", description = "The goods", route = "GET /goods")]
    pub(super) async fn goods(goods: Data<Goods>) -> &'static str {
        plain::goods(goods).await
    }

    #[paid("$0.01")]
    pub(super) async fn order(goods: Data<Goods>) -> HttpResponse {
        plain::order(goods).await
    }

    #[paid("$0.01")]
    pub(super) async fn status(
        goods: Data<Goods>,
        code: Path<u16>,
    ) -> Result<HttpResponse, InternalError<&'static str>> {
        plain::status(goods, code).await
    }

    #[paid("$0.01", upfront)]
    pub(super) async fn prepaid(
        goods: Data<Goods>,
        code: Path<u16>,
    ) -> Result<HttpResponse, InternalError<&'static str>> {
        plain::status(goods, code).await
    }

    #[paid("$0.01")]
    pub(super) async fn query(city: Query<City>) -> String {
        plain::query(city).await
    }

    #[paid("$0.01")]
    pub(super) async fn json(city: Json<City>) -> String {
        plain::json(city).await
    }

    #[paid("$0.01")]
    pub(super) async fn payer(payment: Payment) -> String {
        plain::payer(payment).await
    }

    #[paid("$0.01", upto)]
    pub(super) async fn upto(
        goods: Data<Goods>,
        charge: Query<Charge>,
        payment: Payment,
    ) -> &'static str {
        plain::upto(goods, charge, payment).await
    }

    #[paid("$0.01", upto)]
    pub(super) async fn strict(
        goods: Data<Goods>,
        charge: Query<Charge>,
        payment: Payment,
    ) -> Result<&'static str, NotCharged> {
        plain::strict(goods, charge, payment).await
    }

    #[paid("$0.01", streaming)]
    pub(super) async fn metered(goods: Data<Goods>, payment: Payment) -> HttpResponse {
        plain::metered(goods, payment).await
    }

    #[paid("$0.01", upfront)]
    pub(super) async fn upfront(goods: Data<Goods>) -> HttpResponse {
        plain::stream(goods).await
    }

    #[paid("$0.01")]
    pub(super) async fn stream(goods: Data<Goods>) -> HttpResponse {
        plain::stream(goods).await
    }

    #[paid("$0.01")]
    pub(super) async fn events(goods: Data<Goods>) -> HttpResponse {
        plain::events(goods).await
    }

    #[paid("$0.01")]
    pub(super) async fn panics(goods: Data<Goods>) -> &'static str {
        plain::panics(goods).await
    }

    #[paid("$0.01", payment_identifier = "optional")]
    pub(super) async fn named(goods: Data<Goods>) -> String {
        plain::named(goods).await
    }
}

/// A resource of `GET`, and of `HEAD`, which actix-web does not take for it by itself.
fn get<H, A>(path: &str, handler: H) -> actix_web::Resource
where
    H: Handler<A> + Clone,
    A: actix_web::FromRequest + 'static,
    H::Output: Responder + 'static,
{
    web::resource(path).route(web::get().to(handler.clone())).route(web::head().to(handler))
}

fn wrapped(config: &mut ServiceConfig, paywall: &Paywall) {
    let cent = paywall.price("$0.01").unwrap();
    let cent = cent.with(|price| price.description("The goods")).unwrap();
    let listed = cent.clone().with(|price| price.route("GET /goods")).unwrap();
    let upfront = cent.clone().with(|price| price.upfront()).unwrap();
    let named = cent.clone().payment_identifier(false).unwrap();
    let upto = paywall.upto("$0.01").unwrap();
    let streaming = upto.clone().with(|price| price.streaming()).unwrap();

    let inner = web::scope("/inner").service(get("/goods", plain::goods).wrap(cent.clone()));
    config
        .service(get("/goods", plain::goods).wrap(listed))
        .service(web::resource("/any").to(plain::goods).wrap(cent.clone()))
        .service(web::scope("/outer").service(inner))
        .service(get("/files/{path:.*}", plain::goods).wrap(cent.clone()))
        .service(web::resource("/order").post(plain::order).wrap(cent.clone()))
        .service(get("/status/{code}", plain::status).wrap(cent.clone()))
        .service(get("/prepaid/{code}", plain::status).wrap(upfront.clone()))
        .service(get("/query", plain::query).wrap(cent.clone()))
        .service(web::resource("/json").post(plain::json).wrap(cent.clone()))
        .service(get("/payer", plain::payer).wrap(cent.clone()))
        .service(get("/upto", plain::upto).wrap(upto.clone()))
        .service(get("/strict", plain::strict).wrap(upto))
        .service(get("/metered", plain::metered).wrap(streaming))
        .service(get("/upfront", plain::stream).wrap(upfront))
        .service(get("/stream", plain::stream).wrap(cent.clone()))
        .service(get("/events", plain::events).wrap(cent.clone()))
        .service(get("/panic", plain::panics).wrap(cent))
        .service(get("/named", plain::named).wrap(named));
}

fn attributed(config: &mut ServiceConfig, paywall: &Paywall) {
    config
        .app_data(paywall.clone())
        .service(get("/goods", paid::goods))
        .service(web::resource("/any").to(paid::goods))
        .service(
            web::scope("/outer").service(web::scope("/inner").service(get("/goods", paid::goods))),
        )
        .service(get("/files/{path:.*}", paid::goods))
        .service(web::resource("/order").post(paid::order))
        .service(get("/status/{code}", paid::status))
        .service(get("/prepaid/{code}", paid::prepaid))
        .service(get("/query", paid::query))
        .service(web::resource("/json").post(paid::json))
        .service(get("/payer", paid::payer))
        .service(get("/upto", paid::upto))
        .service(get("/strict", paid::strict))
        .service(get("/metered", paid::metered))
        .service(get("/upfront", paid::upfront))
        .service(get("/stream", paid::stream))
        .service(get("/events", paid::events))
        .service(get("/panic", paid::panics))
        .service(get("/named", paid::named));
}

/// What there is no attribute for: what is free, and prices of whole parts and by functions.
fn others(config: &mut ServiceConfig, paywall: &Paywall, goods: &Goods) {
    let gate = goods.price(paywall, |it| it.path_param("id").map(Cow::into_owned));
    let cent = paywall.price("$0.01").unwrap();
    let upfront = cent.clone().with(|price| price.upfront()).unwrap();
    let either = cent.clone().or(paywall.upto("$0.02").unwrap()).unwrap();
    let club = web::scope("/club")
        .service(get("/room", plain::goods))
        .service(web::scope("/back").service(get("/room", plain::goods)))
        .wrap(cent.clone());
    let open = web::scope("/open")
        .service(get("/goods", plain::goods).wrap(cent.clone()))
        .wrap(x402_actix::cors());
    config
        .service(club)
        .service(open)
        .service(paywall.directory_resource())
        .service(get("/either", plain::goods).wrap(either))
        .service(get("/twice", plain::goods).wrap(cent.clone()).wrap(cent.clone()))
        .service(get("/twice/upfront", plain::goods).wrap(cent).wrap(upfront))
        .service(get("/items/{id}", plain::goods).wrap(GateLayer::new(gate)))
        .service(get("/maybe", plain::maybe))
        .service(get("/unpriced", plain::unpriced))
        .service(web::resource("/echo").post(async |body: String| body));
}

/// Runs in a thread of its own.
fn run(
    paywall: x402_server::Paywall,
    goods: Goods,
    routes: fn(&mut ServiceConfig, &Paywall),
) -> Running {
    let paywall = Paywall::from(paywall);
    let (sender, opened) = mpsc::channel();
    thread::spawn(move || {
        rt::System::new().block_on(async move {
            let server = HttpServer::new(move || {
                let (watched, goods, paywall) = (goods.clone(), goods.clone(), paywall.clone());
                App::new()
                    .app_data(Data::new(goods.clone()))
                    .configure(move |config| {
                        routes(config, &paywall);
                        others(config, &paywall, &goods);
                    })
                    .wrap_fn(move |request, service| {
                        let watched = watched.watch();
                        let answer = service.call(request);
                        async move {
                            let answer = answer.await?;
                            watched.answered();
                            Ok(answer)
                        }
                    })
            });
            let server = server.workers(2).disable_signals().h1_allow_half_closed(false);
            let server = server.bind(("127.0.0.1", 0)).unwrap();
            let address = server.addrs()[0];
            let server = server.run();
            sender.send((address, server.handle())).unwrap();
            server.await.unwrap();
        });
    });
    let (address, handle) = opened.recv().unwrap();
    Running::new(address, Stopped(handle))
}

struct Stopped(ServerHandle);

impl Drop for Stopped {
    fn drop(&mut self) {
        drop(self.0.stop(false));
    }
}

struct Wrapped;

impl Shop for Wrapped {
    const SENDS_TRAILERS: bool = false;
    const OUTLIVES_UNREAD_BODIES: bool = false;

    async fn open(paywall: x402_server::Paywall, goods: Goods) -> Running {
        run(paywall, goods, wrapped)
    }
}

struct Attributes;

impl Shop for Attributes {
    const SENDS_TRAILERS: bool = false;
    const OUTLIVES_UNREAD_BODIES: bool = false;

    async fn open(paywall: x402_server::Paywall, goods: Goods) -> Running {
        run(paywall, goods, attributed)
    }
}

mod wraps {
    suite::claims!(super::Wrapped);
}

mod attributes {
    suite::claims!(super::Attributes);
}
