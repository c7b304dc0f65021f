//! How our programs of the matrix are started and ended: as the official ones are.

use axum::Router;
use tokio::io::{AsyncReadExt, stdin};
use tokio::net::TcpListener;

/// What can go wrong.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// A setting from the environment.
///
/// # Errors
/// Where it is not there, or empty.
pub fn setting(name: &str) -> Result<String, Error> {
    let value = std::env::var(name).ok().filter(|value| !value.is_empty());
    value.ok_or_else(|| format!("{name} is not set").into())
}

/// Serves on a free port of this machine, after one line of JSON that says where, until standard
/// input is closed.
///
/// # Errors
/// Where there is no port.
pub async fn serve(listener: TcpListener, app: Router) -> Result<(), Error> {
    let url = format!("http://{}", listener.local_addr()?);
    println!("{}", serde_json::json!({ "ready": true, "url": url }));
    let closed = async {
        // What is read does not matter, nor how it ends.
        let _ = stdin().read_to_end(&mut Vec::new()).await;
    };
    tokio::select! {
        served = axum::serve(listener, app) => Ok(served?),
        () = closed => Ok(()),
    }
}

/// A free port of this machine.
///
/// # Errors
/// Where there is none.
pub async fn free_port() -> Result<TcpListener, Error> {
    Ok(TcpListener::bind("127.0.0.1:0").await?)
}
