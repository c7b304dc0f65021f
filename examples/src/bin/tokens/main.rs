//! Answers by the word, as of a language model: streamed as they are made, and charged by the token.

use std::convert::Infallible;
use std::env;
use std::time::Duration;

use axum::Router;
use axum::extract::Query;
use axum::response::sse::{Event, Sse};
use axum::routing::get;
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio_stream::{Stream, StreamExt};
use x402_axum::{Payment, Paywall, paid};

/// What a token costs, in millionths of a dollar.
const TOKEN: u64 = 100;
const PACE: Duration = Duration::from_millis(10);

#[derive(Deserialize)]
struct Question {
    about: String,
}

/// At most a cent. Each token is charged before it is given, and the stream ends where the cent does.
/// What was given is settled when the stream has ended, or when its reader has gone.
#[paid("$0.01", streaming, description = "An answer, at $0.0001 for each token")]
async fn answer(
    Query(question): Query<Question>,
    payment: Payment,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let tokens = tokio_stream::iter(tokens(&question.about)).throttle(PACE);
    let paid = tokens.take_while(move |_| payment.charge_more(TOKEN).is_ok());
    Sse::new(paid.map(|token| Ok(Event::default().data(token))))
}

/// The model: it knows one sentence, and goes on and on.
fn tokens(about: &str) -> impl Iterator<Item = String> + use<> {
    let sentence = format!("There is more to be said of {about} than fits into a cent, as");
    let words: Vec<String> = sentence.split_whitespace().map(str::to_owned).collect();
    words.into_iter().cycle()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let paywall = Paywall::from_env().await?;
    let app = Router::new().route("/answer", get(answer)).layer(paywall);

    let port = env::var("PORT").unwrap_or_else(|_| "3000".to_owned());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}
