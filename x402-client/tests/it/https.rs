//! Https by rustls, and what is not paid below it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::common::{Buyer, Call, Reply, Seller, challenge, offer, redirect, served, terms};
use axum::serve::Listener;
use rcgen::CertifiedKey;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::server::TlsStream;
use x402_client::{PaymentError, ReceiptExt};
use x402_ledger::Status;

const HOST: &str = "shop.test";

struct Tls {
    tcp: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener for Tls {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        loop {
            let (stream, address) = self.tcp.accept().await.unwrap();
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }
}

/// A seller with a certificate for `shop.test`, and a buyer that trusts it.
async fn shop(answer: impl Fn(&Call) -> Reply + Send + Sync + 'static) -> (Seller, Buyer) {
    let CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed([HOST.to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = tcp.local_addr().unwrap();
    let listener = Tls { tcp, acceptor: TlsAcceptor::from(Arc::new(config)) };
    let seller = Seller::serve(listener, address, answer);
    let root = reqwest::Certificate::from_der(cert.der()).unwrap();
    let buyer = Buyer::with_client(
        |payer| payer,
        |client| client.tls_certs_only([root]).resolve(HOST, address),
    );
    (seller, buyer)
}

fn url(seller: &Seller) -> String {
    format!("https://{HOST}:{}/goods", seller.address.port())
}

#[tokio::test]
async fn a_seller_behind_https_is_paid() {
    let (seller, buyer) = shop(|call| match call.payment() {
        None => challenge(&terms(&[offer("1000")])),
        Some(_) => served(call),
    })
    .await;
    let answer = buyer.get(&url(&seller)).await.unwrap();
    assert_eq!(answer.receipt().unwrap().status(), &Status::Settled);
    assert_eq!(buyer.signatures(), 1);
}

#[tokio::test]
async fn a_seller_without_a_sound_certificate_is_not_even_asked() {
    let (seller, _) = shop(|_| challenge(&terms(&[offer("1000")]))).await;
    let stranger = Buyer::with_client(|payer| payer, |client| client.resolve(HOST, seller.address));
    assert!(stranger.get(&url(&seller)).await.unwrap_err().is_connect());
    assert_eq!((stranger.signatures(), seller.calls().len()), (0, 0));
}

#[tokio::test]
async fn a_redirect_from_https_to_http_is_not_paid() {
    let below = Seller::honest(terms(&[offer("1000")])).await;
    let target = below.url("/goods");
    let (seller, buyer) = shop(move |_| redirect(302, &target)).await;
    let error = buyer.refusal(&url(&seller)).await;
    assert!(matches!(error, PaymentError::Redirected { .. }), "{error}");
    assert_eq!((buyer.signatures(), below.calls().len()), (0, 1));
}
