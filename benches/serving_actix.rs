//! What the paywall costs an actix-web server, each against a baseline in the same run: an unpaid
//! request against a bare handler, a paid one against a handler that only makes the same two calls.
//!
//! `cargo bench -p benches --bench serving_actix`, with `-- --check` to fail where a limit is missed.

#![expect(clippy::float_arithmetic, reason = "rates and ratios, no money")]

mod figures;
mod load;
mod rivals;

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, mpsc};

use actix_web::{App, HttpResponse, HttpServer, web};
use axum::body::Bytes;
use benches::Error;
use figures::report;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rivals::{
    CONTENT, Requests, compare, instant_facilitator, question, settings, terms, unpaid, unsigned,
    with_payment,
};
use x402_actix::Paywall;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let facilitator = rivals::serve(instant_facilitator()).await?;
    let url = format!("http://{facilitator}");
    let paywall: Paywall = settings(&url).leave_signatures_to_the_facilitator().build().await?;
    let price = paywall.price("$0.01")?;
    let paid = serve(move |config| {
        let handler = web::get().to(|| async { CONTENT });
        config.service(web::resource("/").wrap(price.clone()).route(handler));
    })?;

    let terms = terms(paid).await?;
    let body = serde_json::to_string(&terms)?;
    let bare = serve(move |config| {
        let body = body.clone();
        let handler = move || {
            let body = body.clone();
            async move { HttpResponse::Ok().content_type("application/json").body(body) }
        };
        config.route("/", web::get().to(handler));
    })?;
    let ratio =
        compare(bare, (paid, "402"), &|_| unpaid(), "unpaid 402", "a bare actix-web handler")
            .await?;
    report("unpaid 402 / bare actix-web handler of equal body size", ratio, ratio >= 0.85, "0.85");

    let question = question(&terms);
    let calls = serve(move |config| {
        let question = question.clone();
        let urls = [format!("{url}/verify"), format!("{url}/settle")];
        let client: Client<HttpConnector, Full<Bytes>> =
            Client::builder(TokioExecutor::new()).build_http();
        let handler = move || two_calls(client.clone(), urls.clone(), question.clone());
        config.route("/", web::get().to(handler));
    })?;
    let payments = |round: usize| -> Requests {
        let terms = terms.clone();
        Arc::new(move |n| with_payment(&unsigned(&terms, round, n).ok()?))
    };
    let paid = (paid, "200");
    let ratio = compare(
        calls,
        paid,
        &payments,
        "paid, signature left to the facilitator",
        "the same two calls",
    )
    .await?;
    report(
        "paid, signature left to the facilitator / the same two calls",
        ratio,
        ratio >= 0.75,
        "0.75",
    );
    Ok(())
}

/// A handler that asks a facilitator the two questions and does nothing else.
async fn two_calls(
    client: Client<HttpConnector, Full<Bytes>>,
    urls: [String; 2],
    question: Bytes,
) -> &'static str {
    for url in urls {
        let request = http::Request::post(url)
            .header("content-type", "application/json")
            .body(Full::new(question.clone()));
        let Ok(request) = request else { return "no request" };
        let Ok(answer) = client.request(request).await else { return "no answer" };
        if answer.into_body().collect().await.is_err() {
            return "no body";
        }
    }
    CONTENT
}

/// Serves from a thread of its own, on as many workers as there are cores.
fn serve(
    routes: impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static,
) -> Result<SocketAddr, Error> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let (started, ready) = mpsc::channel();
    std::thread::spawn(move || {
        actix_web::rt::System::new().block_on(async move {
            let app = move || App::new().configure(routes.clone());
            let server = HttpServer::new(app).listen(listener)?.run();
            started.send(()).map_err(std::io::Error::other)?;
            server.await
        })
    });
    ready.recv()?;
    Ok(address)
}
