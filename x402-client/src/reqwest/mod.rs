//! A paying client of reqwest: [`Payer::reqwest`].

mod body;
mod error;
mod json_rpc;
mod middleware;
mod redirect;

pub use error::PaymentError;

pub(crate) use json_rpc::JsonRpc;

use std::time::Duration;

use reqwest::{Client, ClientBuilder, Response};
use reqwest_middleware::ClientWithMiddleware;

use self::middleware::PayOn402;
use crate::{Payer, Receipt};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longer than a seller waits for a payment to be settled.
const READ_TIMEOUT: Duration = Duration::from_secs(200);

impl Payer {
    /// A client that pays what answers 402, and otherwise is one of reqwest's.
    ///
    /// Connecting may take 10 seconds, and 200 seconds may pass without a byte; a seller that
    /// settles before it answers may need a good part of that.
    ///
    /// # Errors
    /// Where the system's TLS certificates or resolver cannot be read.
    pub fn reqwest(&self) -> Result<ClientWithMiddleware, reqwest::Error> {
        let builder = Client::builder().connect_timeout(CONNECT_TIMEOUT).read_timeout(READ_TIMEOUT);
        self.reqwest_with(builder)
    }

    /// The same out of a builder of one's own, whose redirect policy is replaced: up to ten
    /// redirects are followed as long as nothing is paid, and none with a payment.
    ///
    /// # Errors
    /// As [`ClientBuilder::build`].
    pub fn reqwest_with(
        &self,
        builder: ClientBuilder,
    ) -> Result<ClientWithMiddleware, reqwest::Error> {
        let client = builder.redirect(redirect::policy()).build()?;
        let middleware = PayOn402 { payer: self.clone() };
        Ok(reqwest_middleware::ClientBuilder::new(client).with(middleware).build())
    }
}

/// What was paid for an answer.
pub trait ReceiptExt {
    /// The receipt; `None` where nothing was paid.
    fn receipt(&self) -> Option<&Receipt>;
}

impl ReceiptExt for Response {
    fn receipt(&self) -> Option<&Receipt> {
        self.extensions().get()
    }
}
