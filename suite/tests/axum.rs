//! The claims, of axum: with layers on the routes, and with `#[paid]` on the handlers.

#![cfg(test)]

use std::borrow::Cow;

use axum::body::Body;
use axum::extract::{Json, Path, Query, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION, SET_COOKIE};
use axum::http::{HeaderName, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{AppendHeaders, IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::{Router, serve};
use serde::Deserialize;
use suite::{Goods, Running, Shop};
use tokio::net::TcpListener;
use x402_axum::{GateLayer, NotCharged, Payment, Paywall};

#[derive(Deserialize)]
struct City {
    city: String,
}

#[derive(Deserialize)]
struct Charge {
    charge: Option<u64>,
}

/// As they are written without a price, or with a layer around them.
mod plain {
    use super::*;

    pub(super) async fn goods(State(goods): State<Goods>) -> &'static str {
        goods.sell().await
    }

    pub(super) async fn order(State(goods): State<Goods>) -> impl IntoResponse {
        let headers = [
            (LOCATION, "/orders/1"),
            (CACHE_CONTROL, "public, max-age=60"),
            (HeaderName::from_static("cdn-cache-control"), "max-age=60"),
        ];
        let cookies = AppendHeaders([(SET_COOKIE, "a=1"), (SET_COOKIE, "b=2")]);
        (StatusCode::CREATED, headers, cookies, goods.sell().await)
    }

    pub(super) async fn status(
        State(goods): State<Goods>,
        Path(code): Path<u16>,
    ) -> Result<Response, StatusCode> {
        let code = StatusCode::from_u16(goods.status(code).await).unwrap();
        if code.as_u16() >= 400 {
            return Err(code);
        }
        Ok((code, suite::MARKER).into_response())
    }

    pub(super) async fn query(Query(City { city }): Query<City>) -> String {
        city
    }

    pub(super) async fn json(Json(City { city }): Json<City>) -> String {
        city
    }

    pub(super) async fn payer(payment: Payment) -> String {
        payment.payer().to_owned()
    }

    pub(super) async fn upto(
        State(goods): State<Goods>,
        Query(Charge { charge }): Query<Charge>,
        payment: Payment,
    ) -> &'static str {
        // Too much is an error, which is passed over here.
        let _ = charge.map(|units| payment.charge(units));
        goods.sell().await
    }

    pub(super) async fn strict(
        State(goods): State<Goods>,
        Query(Charge { charge }): Query<Charge>,
        payment: Payment,
    ) -> Result<&'static str, NotCharged> {
        payment.charge(charge.unwrap_or_default())?;
        Ok(goods.sell().await)
    }

    pub(super) async fn metered(State(goods): State<Goods>, payment: Payment) -> Body {
        Body::from_stream(goods.metered((*payment).clone()).await)
    }

    pub(super) async fn stream(State(goods): State<Goods>) -> Body {
        Body::from_stream(goods.stream().await)
    }

    pub(super) async fn events(State(goods): State<Goods>) -> impl IntoResponse {
        ([(CONTENT_TYPE, "text/event-stream")], Body::from_stream(goods.stream().await))
    }

    pub(super) async fn panics(State(goods): State<Goods>) -> &'static str {
        goods.sell_or_panic().await
    }

    pub(super) async fn named(State(goods): State<Goods>) -> String {
        goods.counted().await
    }

    pub(super) async fn maybe(payment: Option<Payment>) -> &'static str {
        if payment.is_some() { "some" } else { "none" }
    }

    pub(super) async fn unpriced(goods: State<Goods>, _: Payment) -> &'static str {
        self::goods(goods).await
    }
}

/// The same with the attribute.
mod paid {
    use x402_axum::paid;

    use super::*;

    #[paid("$0.01", description = "The goods", route = "GET /goods")]
    pub(super) async fn goods(goods: State<Goods>) -> &'static str {
        plain::goods(goods).await
    }

    #[paid("$0.01")]
    pub(super) async fn order(goods: State<Goods>) -> impl IntoResponse {
        plain::order(goods).await
    }

    #[paid("$0.01")]
    pub(super) async fn status(
        goods: State<Goods>,
        code: Path<u16>,
    ) -> Result<Response, StatusCode> {
        plain::status(goods, code).await
    }

    #[paid("$0.01", upfront)]
    pub(super) async fn prepaid(
        goods: State<Goods>,
        code: Path<u16>,
    ) -> Result<Response, StatusCode> {
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
        goods: State<Goods>,
        charge: Query<Charge>,
        payment: Payment,
    ) -> &'static str {
        plain::upto(goods, charge, payment).await
    }

    #[paid("$0.01", upto)]
    pub(super) async fn strict(
        goods: State<Goods>,
        charge: Query<Charge>,
        payment: Payment,
    ) -> Result<&'static str, NotCharged> {
        plain::strict(goods, charge, payment).await
    }

    #[paid("$0.01", streaming)]
    pub(super) async fn metered(goods: State<Goods>, payment: Payment) -> Body {
        plain::metered(goods, payment).await
    }

    #[paid("$0.01", upfront)]
    pub(super) async fn upfront(goods: State<Goods>) -> Body {
        plain::stream(goods).await
    }

    #[paid("$0.01")]
    pub(super) async fn stream(goods: State<Goods>) -> Body {
        plain::stream(goods).await
    }

    #[paid("$0.01")]
    pub(super) async fn events(goods: State<Goods>) -> impl IntoResponse {
        plain::events(goods).await
    }

    #[paid("$0.01")]
    pub(super) async fn panics(goods: State<Goods>) -> &'static str {
        plain::panics(goods).await
    }

    #[paid("$0.01", payment_identifier = "optional")]
    pub(super) async fn named(goods: State<Goods>) -> String {
        plain::named(goods).await
    }
}

fn layered(paywall: &Paywall) -> Router<Goods> {
    let cent = paywall.price("$0.01").unwrap();
    let cent = cent.with(|price| price.description("The goods")).unwrap();
    let listed = cent.clone().with(|price| price.route("GET /goods")).unwrap();
    let upfront = cent.clone().with(|price| price.upfront()).unwrap();
    let named = cent.clone().payment_identifier(false).unwrap();
    let upto = paywall.upto("$0.01").unwrap();
    let streaming = upto.clone().with(|price| price.streaming()).unwrap();

    let inner = Router::new().route("/goods", get(plain::goods).layer(cent.clone()));
    Router::new()
        .route("/goods", get(plain::goods).layer(listed))
        .route("/any", any(plain::goods).layer(cent.clone()))
        .nest("/outer", Router::new().nest("/inner", inner))
        .route("/files/{*path}", get(plain::goods).layer(cent.clone()))
        .route("/order", post(plain::order).layer(cent.clone()))
        .route("/status/{code}", get(plain::status).layer(cent.clone()))
        .route("/prepaid/{code}", get(plain::status).layer(upfront.clone()))
        .route("/query", get(plain::query).layer(cent.clone()))
        .route("/json", post(plain::json).layer(cent.clone()))
        .route("/payer", get(plain::payer).layer(cent.clone()))
        .route("/upto", get(plain::upto).layer(upto.clone()))
        .route("/strict", get(plain::strict).layer(upto))
        .route("/metered", get(plain::metered).layer(streaming))
        .route("/upfront", get(plain::stream).layer(upfront))
        .route("/stream", get(plain::stream).layer(cent.clone()))
        .route("/events", get(plain::events).layer(cent.clone()))
        .route("/panic", get(plain::panics).layer(cent))
        .route("/named", get(plain::named).layer(named))
}

fn attributed(paywall: &Paywall) -> Router<Goods> {
    let inner = Router::new().route("/goods", get(paid::goods));
    Router::new()
        .route("/goods", get(paid::goods))
        .route("/any", any(paid::goods))
        .nest("/outer", Router::new().nest("/inner", inner))
        .route("/files/{*path}", get(paid::goods))
        .route("/order", post(paid::order))
        .route("/status/{code}", get(paid::status))
        .route("/prepaid/{code}", get(paid::prepaid))
        .route("/query", get(paid::query))
        .route("/json", post(paid::json))
        .route("/payer", get(paid::payer))
        .route("/upto", get(paid::upto))
        .route("/strict", get(paid::strict))
        .route("/metered", get(paid::metered))
        .route("/upfront", get(paid::upfront))
        .route("/stream", get(paid::stream))
        .route("/events", get(paid::events))
        .route("/panic", get(paid::panics))
        .route("/named", get(paid::named))
        .layer(paywall.clone())
}

/// What there is no attribute for: what is free, and prices of whole parts and by functions.
fn others(paywall: &Paywall, goods: &Goods) -> Router<Goods> {
    let gate = goods.price(paywall, |it| it.path_param("id").map(Cow::into_owned));
    let cent = paywall.price("$0.01").unwrap();
    let upfront = cent.clone().with(|price| price.upfront()).unwrap();
    let club = Router::new()
        .route("/room", get(plain::goods))
        .nest("/back", Router::new().route("/room", get(plain::goods)))
        .fallback(async || StatusCode::NOT_FOUND)
        .layer(cent.clone());
    let goods_at = |path| Router::new().route(path, get(plain::goods).layer(cent.clone()));
    let either = cent.clone().or(paywall.upto("$0.02").unwrap()).unwrap();
    let twice = goods_at("/twice").layer(cent.clone());
    let twice = twice.merge(goods_at("/twice/upfront").layer(upfront));
    let open = goods_at("/open/goods").layer(x402_axum::cors());
    Router::new()
        .merge(open)
        .merge(twice)
        .merge(paywall.directory_routes())
        .nest("/club", club)
        .route("/either", get(plain::goods).layer(either))
        .route("/items/{id}", get(plain::goods).layer(GateLayer::new(gate)))
        .route("/maybe", get(plain::maybe))
        .route("/unpriced", get(plain::unpriced))
        .route("/echo", post(async |body: String| body))
}

async fn run(router: Router<Goods>, goods: Goods) -> Running {
    let watched = async |State(goods): State<Goods>, request: Request, next: Next| {
        let watched = goods.watch();
        let answer = next.run(request).await;
        watched.answered();
        answer
    };
    let router = router.layer(from_fn_with_state(goods.clone(), watched)).with_state(goods);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move { serve(listener, router).await });
    Running::new(address, Aborted(serving.abort_handle()))
}

struct Aborted(tokio::task::AbortHandle);

impl Drop for Aborted {
    fn drop(&mut self) {
        self.0.abort();
    }
}

struct Layers;

impl Shop for Layers {
    const SENDS_TRAILERS: bool = true;
    const OUTLIVES_UNREAD_BODIES: bool = true;

    async fn open(paywall: x402_server::Paywall, goods: Goods) -> Running {
        let paywall = Paywall::from(paywall);
        run(layered(&paywall).merge(others(&paywall, &goods)), goods).await
    }
}

struct Attributes;

impl Shop for Attributes {
    const SENDS_TRAILERS: bool = true;
    const OUTLIVES_UNREAD_BODIES: bool = true;

    async fn open(paywall: x402_server::Paywall, goods: Goods) -> Running {
        let paywall = Paywall::from(paywall);
        run(attributed(&paywall).merge(others(&paywall, &goods)), goods).await
    }
}

mod layers {
    suite::claims!(super::Layers);
}

mod attributes {
    suite::claims!(super::Attributes);
}
