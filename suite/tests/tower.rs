//! The claims, of bare tower: services behind a layer, served by hyper, and no framework.

#![cfg(test)]

use std::convert::Infallible;
use std::io;

use bytes::Bytes;
use http::{HeaderName, Method, Response, Uri};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use serde::Deserialize;
use suite::{Goods, MARKER, Running, Shop, Stream};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tower::util::BoxCloneSyncService;
use tower::{Layer, ServiceExt, service_fn};
use tower_http::cors::CorsLayer;
use x402_server::cors::{ALLOW_HEADERS, EXPOSE_HEADERS};
use x402_server::layer::GateLayer;
use x402_server::{Gate, Payment, Paywall};

type Request = http::Request<Incoming>;
type Body = UnsyncBoxBody<Bytes, io::Error>;
type Answer = Response<Body>;
type Service = BoxCloneSyncService<Request, Answer, Infallible>;

/// The address that was asked for, where a router has shortened that of the request.
#[derive(Clone)]
struct Requested(Uri);

#[derive(Deserialize)]
struct City {
    city: String,
}

fn text(text: impl Into<Bytes>) -> Answer {
    Response::new(Full::new(text.into()).map_err(|never| match never {}).boxed_unsync())
}

fn status(code: u16, body: &'static str) -> Answer {
    let mut answer = text(body);
    *answer.status_mut() = http::StatusCode::from_u16(code).unwrap();
    answer
}

fn streamed(stream: Stream) -> Answer {
    /// Its pieces as frames.
    struct Frames(Stream);
    impl futures_core::Stream for Frames {
        type Item = io::Result<Frame<Bytes>>;

        fn poll_next(
            mut self: std::pin::Pin<&mut Self>,
            cx: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Self::Item>> {
            let piece = std::pin::Pin::new(&mut self.0).poll_next(cx);
            piece.map(|piece| piece.map(|piece| piece.map(Frame::data)))
        }
    }
    Response::new(StreamBody::new(Frames(stream)).boxed_unsync())
}

fn query(request: &Request, name: &str) -> Option<String> {
    let pairs = form_urlencoded::parse(request.uri().query().unwrap_or("").as_bytes());
    pairs.into_iter().find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
}

fn payment(request: &Request) -> Option<Payment> {
    request.extensions().get().cloned()
}

async fn sell(_: Request, goods: Goods) -> Answer {
    text(goods.sell().await)
}

async fn order(_: Request, goods: Goods) -> Answer {
    let mut answer = status(201, goods.sell().await);
    for (name, value) in [
        ("location", "/orders/1"),
        ("cache-control", "public, max-age=60"),
        ("cdn-cache-control", "max-age=60"),
        ("set-cookie", "a=1"),
        ("set-cookie", "b=2"),
    ] {
        answer.headers_mut().append(name, value.parse().unwrap());
    }
    answer
}

async fn status_of_path(request: Request, goods: Goods) -> Answer {
    match request.uri().path().rsplit('/').next().and_then(|code| code.parse().ok()) {
        Some(code) => status(goods.status(code).await, MARKER),
        None => status(400, "no status"),
    }
}

async fn city_of_query(request: Request, _: Goods) -> Answer {
    query(&request, "city").map_or_else(|| status(400, "no city"), text)
}

async fn city_of_json(request: Request, _: Goods) -> Answer {
    let body = request.into_body().collect().await.map(|body| body.to_bytes());
    match body.ok().and_then(|body| serde_json::from_slice::<City>(&body).ok()) {
        Some(City { city }) => text(city),
        None => status(400, "no city"),
    }
}

async fn payer(request: Request, _: Goods) -> Answer {
    payment(&request).map_or_else(|| status(500, ""), |it| text(it.payer().to_owned()))
}

async fn maybe(request: Request, _: Goods) -> Answer {
    text(if payment(&request).is_some() { "some" } else { "none" })
}

async fn unpriced(request: Request, goods: Goods) -> Answer {
    match payment(&request) {
        Some(_) => text(goods.sell().await),
        None => status(500, ""),
    }
}

async fn echo(request: Request, _: Goods) -> Answer {
    text(request.into_body().collect().await.unwrap().to_bytes())
}

async fn upto(request: Request, goods: Goods) -> Answer {
    let Some(payment) = payment(&request) else { return status(500, "") };
    // Too much is an error, which is passed over here.
    let charge = query(&request, "charge").and_then(|units| units.parse::<u64>().ok());
    let _ = charge.map(|units| payment.charge(units));
    text(goods.sell().await)
}

async fn strict(request: Request, goods: Goods) -> Answer {
    let charge = query(&request, "charge").and_then(|units| units.parse::<u64>().ok());
    let charged = payment(&request).map(|payment| payment.charge(charge.unwrap_or_default()));
    match charged {
        Some(Ok(())) => text(goods.sell().await),
        Some(Err(_)) | None => status(500, ""),
    }
}

async fn metered(request: Request, goods: Goods) -> Answer {
    match payment(&request) {
        Some(payment) => streamed(goods.metered(payment).await),
        None => status(500, ""),
    }
}

async fn stream(_: Request, goods: Goods) -> Answer {
    streamed(goods.stream().await)
}

async fn events(_: Request, goods: Goods) -> Answer {
    let mut answer = streamed(goods.stream().await);
    answer.headers_mut().insert("content-type", "text/event-stream".parse().unwrap());
    answer
}

async fn panics(_: Request, goods: Goods) -> Answer {
    text(goods.sell_or_panic().await)
}

async fn named(_: Request, goods: Goods) -> Answer {
    text(goods.counted().await)
}

/// A service of this function.
fn free<F, T>(goods: &Goods, handler: F) -> Service
where
    F: Fn(Request, Goods) -> T + Clone + Send + Sync + 'static,
    T: Future<Output = Answer> + Send + 'static,
{
    let goods = goods.clone();
    BoxCloneSyncService::new(service_fn(move |request| {
        let answer = handler(request, goods.clone());
        async move { Ok(answer.await) }
    }))
}

/// The same behind a price.
fn paid<F, T>(gate: &Gate, goods: &Goods, handler: F) -> Service
where
    F: Fn(Request, Goods) -> T + Clone + Send + Sync + 'static,
    T: Future<Output = Answer> + Send + 'static,
{
    behind(gate, free(goods, handler))
}

/// A service behind a price.
fn behind(gate: &Gate, service: Service) -> Service {
    let layer = GateLayer::new(gate.clone())
        .requested_uri(|extensions| extensions.get::<Requested>().map(|uri| &uri.0));
    let service = layer.layer(service);
    BoxCloneSyncService::new(service.map_response(|it| it.map(BodyExt::boxed_unsync)))
}

/// Services by method and path.
#[derive(Clone, Default)]
struct Router {
    routes: Vec<(&'static str, &'static str, Service)>,
}

impl Router {
    /// By this method (`*` is any), at this path (to its `*`, where it ends with one).
    fn route(mut self, method: &'static str, path: &'static str, service: Service) -> Self {
        self.routes.push((method, path, service));
        self
    }

    /// Everything below this prefix, which the request's address then lacks.
    fn nest(self, prefix: &'static str, inner: Self) -> Self {
        self.nest_service(prefix, inner.into_service())
    }

    fn into_service(self) -> Service {
        BoxCloneSyncService::new(service_fn(move |request| {
            let router = self.clone();
            async move { Ok(router.serve(request).await) }
        }))
    }

    fn nest_service(self, prefix: &'static str, inner: Service) -> Self {
        let shortened = service_fn(move |mut request: Request| {
            let uri = request.uri().clone();
            let rest = uri.path_and_query().map_or("", |it| it.as_str());
            let rest = rest.strip_prefix(prefix.trim_end_matches('*')).unwrap_or(rest);
            let rest = Uri::try_from(format!("/{rest}"));
            if request.extensions().get::<Requested>().is_none() {
                request.extensions_mut().insert(Requested(uri));
            }
            let inner = inner.clone();
            async move {
                let Ok(rest) = rest else { return Ok(status(400, "no address")) };
                *request.uri_mut() = rest;
                inner.oneshot(request).await
            }
        });
        self.route("*", prefix, BoxCloneSyncService::new(shortened))
    }

    async fn serve(&self, request: Request) -> Answer {
        let path = request.uri().path();
        let at = |pattern: &str| match pattern.strip_suffix('*') {
            Some(start) => path.starts_with(start),
            None => path == pattern,
        };
        let here: Vec<_> = self.routes.iter().filter(|(_, pattern, _)| at(pattern)).collect();
        let method = if request.method() == "HEAD" { "GET" } else { request.method().as_str() };
        let by_method = here.iter().find(|(known, _, _)| *known == "*" || *known == method);
        match by_method {
            Some((_, _, service)) => {
                service.clone().oneshot(request).await.unwrap_or_else(|never| match never {})
            }
            None => status(if here.is_empty() { 404 } else { 405 }, ""),
        }
    }
}

fn router(paywall: &Paywall, goods: &Goods) -> Router {
    let price = || paywall.price("$0.01").unwrap().description("The goods");
    let cent = price().gate().unwrap();
    let listed = price().route("GET /goods").gate().unwrap();
    let upto_a_cent = price().upto().gate().unwrap();
    let metered_gate = price().streaming().gate().unwrap();
    let upfront = price().upfront().gate().unwrap();
    let nameable = price().payment_identifier(false).gate().unwrap();
    let either = price().or(paywall.price("$0.02").unwrap().upto()).gate().unwrap();
    // No framework says what stands where in the path.
    let item = goods.price(paywall, |it| it.path().rsplit('/').next().map(str::to_owned));

    let inner = Router::default().route("GET", "/goods", paid(&cent, goods, sell));
    let room = || Router::default().route("GET", "/room", free(goods, sell));
    let club = room().nest("/back/*", room());
    let open = CorsLayer::new()
        .allow_origin(tower_http::cors::Any)
        .allow_methods([Method::GET])
        .allow_headers(ALLOW_HEADERS.map(HeaderName::from_static))
        .expose_headers(EXPOSE_HEADERS.map(HeaderName::from_static))
        .layer(paid(&cent, goods, sell));
    let site = paywall.clone();
    let directory = move |_, _| {
        let mut answer = text(site.directory_json());
        let headers = [("content-type", "application/json"), ("access-control-allow-origin", "*")];
        for (name, value) in headers {
            answer.headers_mut().insert(name, value.parse().unwrap());
        }
        std::future::ready(answer)
    };
    Router::default()
        .route("*", "/open/goods", BoxCloneSyncService::new(open))
        .route("GET", "/.well-known/x402", free(goods, directory))
        .route("GET", "/goods", paid(&listed, goods, sell))
        .route("*", "/any", paid(&cent, goods, sell))
        .nest("/outer/*", Router::default().nest("/inner/*", inner))
        .route("GET", "/files/*", paid(&cent, goods, sell))
        .route("POST", "/order", paid(&cent, goods, order))
        .route("GET", "/status/*", paid(&cent, goods, status_of_path))
        .route("GET", "/prepaid/*", paid(&upfront, goods, status_of_path))
        .route("GET", "/query", paid(&cent, goods, city_of_query))
        .route("POST", "/json", paid(&cent, goods, city_of_json))
        .route("GET", "/payer", paid(&cent, goods, payer))
        .route("GET", "/upto", paid(&upto_a_cent, goods, upto))
        .route("GET", "/strict", paid(&upto_a_cent, goods, strict))
        .route("GET", "/metered", paid(&metered_gate, goods, metered))
        .route("GET", "/upfront", paid(&upfront, goods, stream))
        .route("GET", "/stream", paid(&cent, goods, stream))
        .route("GET", "/events", paid(&cent, goods, events))
        .route("GET", "/panic", paid(&cent, goods, panics))
        .route("GET", "/named", paid(&nameable, goods, named))
        .route("GET", "/items/*", paid(&item, goods, sell))
        .nest_service("/club/*", behind(&cent, club.into_service()))
        .route("GET", "/either", paid(&either, goods, sell))
        .route("GET", "/twice", behind(&cent, paid(&cent, goods, sell)))
        .route("GET", "/twice/upfront", behind(&upfront, paid(&cent, goods, sell)))
        .route("GET", "/maybe", free(goods, maybe))
        .route("GET", "/unpriced", free(goods, unpriced))
        .route("POST", "/echo", free(goods, echo))
}

struct Tower;

impl Shop for Tower {
    const SENDS_TRAILERS: bool = true;
    const OUTLIVES_UNREAD_BODIES: bool = true;

    async fn open(paywall: Paywall, goods: Goods) -> Running {
        let router = router(&paywall, &goods);
        let service = service_fn(move |request| {
            let (router, watched) = (router.clone(), goods.watch());
            async move {
                let answer = router.serve(request).await;
                watched.answered();
                Ok::<_, Infallible>(answer)
            }
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut server = JoinSet::new();
        server.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let service = TowerToHyperService::new(service.clone());
                let serving = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                tokio::spawn(serving);
            }
        });
        Running::new(address, server)
    }
}

suite::claims!(Tower);
