//! What a handler says after its body, over real connections.

use std::convert::Infallible;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::common::{MARKER, Site};
use axum::Router;
use axum::body::Body;
use axum::response::IntoResponse;
use axum::routing::get;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use http_body::Frame;
use x402_axum::Price;

/// The goods, and how it went.
enum Graded {
    Goods,
    Grade,
    Over,
}

impl http_body::Body for Graded {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = match *self {
            Self::Goods => Self::Grade,
            Self::Grade | Self::Over => Self::Over,
        };
        Poll::Ready(match mem::replace(&mut *self, next) {
            Self::Goods => Some(Ok(Frame::data(MARKER.into()))),
            Self::Grade => {
                let grade = ("grpc-status".parse().unwrap(), HeaderValue::from_static("0"));
                Some(Ok(Frame::trailers(HeaderMap::from_iter([grade]))))
            }
            Self::Over => None,
        })
    }
}

async fn graded() -> impl IntoResponse {
    ([("trailer", "grpc-status")], Body::new(Graded::Goods))
}

#[tokio::test(flavor = "multi_thread")]
async fn trailers_of_the_handler_reach_the_client_however_the_answer_is_delivered() {
    let site = Site::prepare().await;
    let at = |price: fn(Price) -> Price| get(graded).layer(site.price().with(price).unwrap());
    let router = Router::new()
        .route("/free", get(graded))
        .route("/held", at(|price| price))
        .route("/upfront", at(Price::upfront))
        .route("/named", at(|price| price.payment_identifier(false)))
        .route("/metered", at(Price::streaming));
    let site = site.serve(router).await;
    for path in ["/free", "/held", "/upfront", "/named", "/metered"] {
        let mut headers = vec![("te", "trailers")];
        let payment = if path == "/free" { None } else { Some(site.pay(path).await.header()) };
        headers.extend(payment.as_deref().map(|it| ("payment-signature", it)));
        let answer = site.get(path, &headers).await;
        assert!(answer.body.contains(MARKER), "{path}: {answer:?}");
        let (_, trailers) = answer.body.split_once("\r\n0\r\n").expect("chunks");
        assert!(trailers.contains("grpc-status: 0\r\n"), "{path}: {answer:?}");
        assert_eq!(trailers.contains("payment-response: "), path == "/metered", "{answer:?}");
    }
}
