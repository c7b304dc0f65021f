//! A shop on actix-web: a price as an attribute of a handler, a price wrapped around a resource.

use std::env;
use std::time::Duration;

use actix_web::web::{Json, Query, resource};
use actix_web::{App, HttpServer, get};
use serde::{Deserialize, Serialize};
use x402_actix::{Payment, Paywall, cors, paid};

/// How long settlements are waited for, each time.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Deserialize)]
struct Place {
    city: String,
}

#[derive(Serialize)]
struct Weather {
    city: String,
    celsius: i8,
    paid_by: String,
}

/// Whoever leaves out the city is told the price first, and then, uncharged, what is missing.
#[get("/weather")]
#[paid("$0.001", description = "The weather right now", mime_type = "application/json")]
async fn weather(place: Query<Place>, payment: Payment) -> Json<Weather> {
    let city = place.into_inner().city;
    Json(Weather { city, celsius: 21, paid_by: payment.payer().to_owned() })
}

async fn report() -> &'static str {
    "It has been a good year for weather.\n"
}

#[get("/")]
async fn welcome() -> &'static str {
    "The weather: GET /weather?city=Porto\nA report: GET /report\n"
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // One for all workers, so that each of them knows which payments are used.
    let paywall = Paywall::from_env().await?;
    let a_nickel = paywall
        .price("$0.05")?
        .with(|price| price.description("The report of the year").route("GET /report"))?;

    let settings = paywall.clone();
    let server = HttpServer::new(move || {
        App::new()
            .app_data(settings.clone())
            .service(welcome)
            .service(weather)
            .service(resource("/report").get(report).wrap(a_nickel.clone()))
            .service(settings.directory_resource())
            .wrap(cors())
    });
    let port = env::var("PORT").unwrap_or_else(|_| "3000".to_owned());
    // A client that hangs up before it is served is then not charged.
    let server = server.h1_allow_half_closed(false).disable_signals();
    let server = server.bind(format!("127.0.0.1:{port}"))?;
    for address in server.addrs() {
        println!("listening on http://{address}");
    }
    let running = server.run();
    let handle = running.handle();
    let running = actix_web::rt::spawn(running);

    // What is being settled, the workers must live to see. Connections that are open still can start
    // more, and what the workers leave behind at their end goes on here.
    actix_web::rt::signal::ctrl_c().await?;
    handle.pause().await;
    paywall.drain(PATIENCE).await;
    handle.stop(true).await;
    paywall.drain(PATIENCE).await;
    running.await??;
    Ok(())
}
