//! A file server that charges by the megabyte.

use std::env;
use std::path::{Component, Path, PathBuf};

use axum::Router;
use axum::routing::{get, get_service};
use percent_encoding::percent_decode_str;
use tokio::net::TcpListener;
use tower_http::services::ServeDir;
use x402_axum::{ConfigError, GateLayer, Inquiry, Paywall, Quote, Refused};

/// A tenth of a cent for each megabyte that a file has begun.
async fn by_size(folder: PathBuf, inquiry: Inquiry) -> Result<Quote, ConfigError> {
    let Some(bytes) = size(&folder, inquiry.path()).await else {
        return Ok(Quote::Refuse(Refused::new(404, "no_such_file", "There is no such file.")));
    };
    let mills = bytes.div_ceil(1_000_000).max(1);
    let price = inquiry.price(&format!("{}.{:03}", mills / 1_000, mills % 1_000))?;
    // Settled before the file is sent, so that none of it has to be held back.
    Ok(price.upfront().description(format!("A file of {bytes} bytes")).into())
}

/// The bytes of a file in the folder. Of what is not plainly one there is no size, and so no price
/// and no sale.
async fn size(folder: &Path, path: &str) -> Option<u64> {
    let path = percent_decode_str(path.strip_prefix('/')?).decode_utf8().ok()?;
    let path = Path::new(&*path);
    let is_plain = path.components().all(|part| matches!(part, Component::Normal(_)));
    let file = tokio::fs::metadata(is_plain.then(|| folder.join(path))?).await.ok()?;
    file.is_file().then_some(file.len())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = PathBuf::from(env::args_os().nth(1).ok_or("usage: files FOLDER")?);
    let paywall = Paywall::from_env().await?;
    let price = paywall.price_by({
        let folder = folder.clone();
        move |inquiry| by_size(folder.clone(), inquiry)
    });
    // The gate stands before the server of files itself: no path goes around it.
    let files = get_service(ServeDir::new(folder)).route_layer(GateLayer::new(price.gate()?));
    let app = Router::new()
        .route("/", get(async || "Files, at $0.001 for each megabyte\n"))
        .fallback_service(files);

    let port = env::var("PORT").unwrap_or_else(|_| "3000".to_owned());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}
