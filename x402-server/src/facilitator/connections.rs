use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::{Connect, HttpConnector};
use hyper_util::client::legacy::{Client, ResponseFuture};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::runtime::{Handle, Id};

/// Connections to a facilitator, which are kept open. Cloning shares them.
///
/// Each runtime has its own: a connection is driven by the runtime that opened it, and whoever asks
/// over it waits for that one, however busy it is, and in vain once it has stopped. actix-web has a
/// runtime for each of its workers.
#[derive(Clone)]
pub(super) struct Connections {
    shared: Arc<Shared>,
}

struct Shared {
    connector: Connector,
    pools: RwLock<Vec<(Option<Id>, Pool)>>,
}

/// Without TLS no certificates need to be loaded, and none need be there.
enum Connector {
    Plain(HttpConnector),
    Tls(HttpsConnector<HttpConnector>),
}

enum Pool {
    Plain(Client<HttpConnector, Full<Bytes>>),
    Tls(Client<HttpsConnector<HttpConnector>, Full<Bytes>>),
}

/// Runtimes that have connections. Of those that have stopped nobody tells.
const MOST_POOLS: usize = 64;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

impl Connections {
    /// No connections yet.
    pub(super) fn new(tls: bool) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        connector.set_nodelay(true);
        connector.enforce_http(!tls);
        let connector = match tls {
            true => Connector::Tls(over_tls(connector)?),
            false => Connector::Plain(connector),
        };
        Ok(Self { shared: Arc::new(Shared { connector, pools: RwLock::default() }) })
    }

    /// Sends a request over the connections of this runtime.
    pub(super) fn request(&self, request: http::Request<Full<Bytes>>) -> ResponseFuture {
        let runtime = Handle::try_current().ok().map(|runtime| runtime.id());
        let Shared { connector, pools } = &*self.shared;
        let known = pools.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, pool)) = known.iter().find(|(id, _)| *id == runtime) {
            return pool.request(request);
        }
        drop(known);
        let mut pools = pools.write().unwrap_or_else(PoisonError::into_inner);
        // A runtime of several threads may have got here more than once.
        if let Some((_, pool)) = pools.iter().find(|(id, _)| *id == runtime) {
            return pool.request(request);
        }
        if pools.len() >= MOST_POOLS {
            pools.remove(0);
        }
        let pool = connector.pool();
        let response = pool.request(request);
        pools.push((runtime, pool));
        response
    }
}

impl Pool {
    fn request(&self, request: http::Request<Full<Bytes>>) -> ResponseFuture {
        match self {
            Self::Plain(client) => client.request(request),
            Self::Tls(client) => client.request(request),
        }
    }
}

impl Connector {
    fn pool(&self) -> Pool {
        match self {
            Self::Plain(connector) => Pool::Plain(client(connector.clone())),
            Self::Tls(connector) => Pool::Tls(client(connector.clone())),
        }
    }
}

fn client<C: Connect + Clone>(connector: C) -> Client<C, Full<Bytes>> {
    let mut builder = Client::builder(TokioExecutor::new());
    builder.pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE_TIMEOUT).build(connector)
}

fn over_tls(
    connector: HttpConnector,
) -> Result<HttpsConnector<HttpConnector>, Box<dyn std::error::Error + Send + Sync>> {
    let provider = rustls::crypto::ring::default_provider();
    let config = rustls::ClientConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()?
        .with_native_roots()?
        .with_no_client_auth();
    Ok(HttpsConnectorBuilder::new()
        .with_tls_config(config)
        .https_only()
        .enable_all_versions()
        .wrap_connector(connector))
}
