//! A shop on hyper and tower, without a framework: a layer around a service.

use std::convert::Infallible;
use std::env;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tower::ServiceBuilder;
use x402_server::layer::GateLayer;
use x402_server::{Payment, Paywall};

/// All paths lead here, and past the gate.
async fn haiku(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let payer = request.extensions().get::<Payment>().map_or("nobody", Payment::payer);
    let text = format!("A coin in the well,\nfor {payer}:\nripples, and a verse.\n");
    Ok(Response::new(Full::from(text)))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let paywall = Paywall::from_env().await?;
    let price = paywall.price("$0.002")?.description("A haiku").mime_type("text/plain");
    let shop = ServiceBuilder::new().layer(GateLayer::new(price.gate()?)).service_fn(haiku);

    let port = env::var("PORT").unwrap_or_else(|_| "3000".to_owned());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    println!("listening on http://{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        let shop = TowerToHyperService::new(shop.clone());
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .serve_connection(TokioIo::new(stream), shop);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                eprintln!("a connection broke off: {error}");
            }
        });
    }
}
