//! The chain over HTTP.

use std::{io, net::SocketAddr, sync::Arc};

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State},
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::post,
};
use tokio::{
    net::{TcpListener, ToSocketAddrs},
    task::{JoinHandle, spawn_blocking},
};
use tower_http::cors::CorsLayer;

use crate::node::Node;

/// Larger bodies are answered with 413.
const MOST_BYTES: usize = 1024 * 1024;

/// A development chain that is being served over HTTP, until this is dropped.
#[derive(Debug)]
pub struct Server {
    addr: SocketAddr,
    task: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start(node: Arc<Node>, addr: impl ToSocketAddrs) -> io::Result<Self> {
        let listener = TcpListener::bind(addr).await?;
        let addr = listener.local_addr()?;
        let app = Router::new()
            .route("/", post(answer))
            .layer(DefaultBodyLimit::max(MOST_BYTES))
            .layer(CorsLayer::permissive().allow_private_network(true))
            .with_state(node);
        let task = tokio::spawn(async move {
            // It ends only with the task.
            let _ = axum::serve(listener, app).await;
        });
        Ok(Self { addr, task })
    }

    /// The address it listens on.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The URL for wallets and libraries, as `http://127.0.0.1:8545`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(State(node): State<Arc<Node>>, body: Bytes) -> Response {
    // A batch of heavy calls must not hold up the runtime.
    match spawn_blocking(move || node.answer_json(&body)).await {
        Ok(answer) => ([(CONTENT_TYPE, "application/json")], answer).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
