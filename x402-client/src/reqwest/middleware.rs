use std::sync::Arc;

use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Extensions, Method, StatusCode};
use reqwest::{Request, Response};
use reqwest_middleware::{Error, Middleware, Next, Result};
use url::Url;
use x402_types::header::{PAYMENT_SIGNATURE, X_PAYMENT, X_PAYMENT_SIGNATURE};

use super::body::peek;
use super::redirect::Way;
use crate::{Challenge, Limit, Payer, PaymentError, Purchase};

/// Sends a request; pays and sends it once more where it is answered 402.
pub(crate) struct PayOn402 {
    pub(crate) payer: Payer,
}

#[async_trait::async_trait]
impl Middleware for PayOn402 {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        if carries_payment(request.headers()) {
            return next.run(request, extensions).await;
        }
        let again = request.try_clone();
        let method = request.method().clone();
        let way = Arc::<Way>::default();
        let response = way.follow(next.clone().run(request, extensions)).await?;
        if response.status() != StatusCode::PAYMENT_REQUIRED {
            return Ok(response);
        }
        let (response, challenge) = challenge(response).await?;
        let Some(challenge) = challenge else { return Ok(response) };

        let url = response.url().clone();
        drop(response);
        judge(&way, &method, &url)?;
        let mut request = again.ok_or(PaymentError::BodyNotReplayable)?;
        let mut purchase = Purchase::new(method.as_str(), url.clone());
        if let Some(limit) = extensions.get::<Limit>() {
            purchase = purchase.at_most(limit.clone());
        }
        let payment = self.payer.pay(&challenge, &purchase).await.map_err(PaymentError::from)?;

        let name = HeaderName::try_from(payment.header_name()).map_err(Error::middleware)?;
        let mut value = HeaderValue::try_from(payment.header_value()).map_err(Error::middleware)?;
        value.set_sensitive(true);
        request.headers_mut().insert(name, value);
        *request.url_mut() = url;
        // Not within a way: redirects are not followed.
        let mut response = match next.run(request, extensions).await {
            Ok(response) => response,
            Err(error) => return Err(PaymentError::from(payment.lost(error).await).into()),
        };
        let body = match response.status() {
            StatusCode::PAYMENT_REQUIRED => first_bytes(&mut response).await,
            _ => Vec::new(),
        };
        let headers = response.headers();
        let receipt = payment
            .conclude(response.status().as_u16(), |name| values(headers, name), &body)
            .await
            .map_err(PaymentError::from)?;
        response.extensions_mut().insert(receipt);
        Ok(response)
    }
}

fn carries_payment(headers: &HeaderMap) -> bool {
    [PAYMENT_SIGNATURE, X_PAYMENT, X_PAYMENT_SIGNATURE]
        .iter()
        .any(|name| headers.contains_key(*name))
}

/// The terms that a 402 holds, if any, and the 402 as it was.
async fn challenge(response: Response) -> Result<(Response, Option<Challenge>)> {
    let in_headers = Challenge::from_headers(|name| values(response.headers(), name))
        .map_err(PaymentError::from)?;
    if in_headers.is_some() {
        return Ok((response, in_headers));
    }
    let (response, body) = peek(response, Challenge::BODY_LIMIT).await?;
    let in_body = Challenge::from_body(&body).map_err(PaymentError::from)?;
    Ok((response, in_body))
}

/// Whether a 402 may be paid that came to this request by this way.
fn judge(way: &Way, method: &Method, answered: &Url) -> std::result::Result<(), PaymentError> {
    if way.left_origin() {
        let answered = answered.origin().ascii_serialization();
        return Err(PaymentError::Redirected { answered });
    }
    if way.redirected() && !matches!(*method, Method::GET | Method::HEAD) {
        return Err(PaymentError::RedirectedMethod { method: method.to_string() });
    }
    Ok(())
}

/// What a refusal says, as far as it can be read.
async fn first_bytes(response: &mut Response) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > Challenge::BODY_LIMIT {
            break;
        }
    }
    bytes
}

fn values<'h>(headers: &'h HeaderMap, name: &str) -> impl Iterator<Item = &'h [u8]> + use<'h> {
    headers.get_all(name).iter().map(HeaderValue::as_bytes)
}
