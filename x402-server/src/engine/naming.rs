use std::sync::Arc;

use x402_types::extensions::Extensions;
use x402_types::extensions::payment_identifier::{Declaration, Id};

use super::answers::Why;
use super::head::RequestHead;
use super::sent::Sent;

/// The name that a payer gave its payment, and what it was sent with: the same name with anything
/// else is another's. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) id: Arc<Id>,
    /// Method and address, to the letter.
    request: Arc<str>,
    /// The signed payment, to the letter.
    payload: Arc<str>,
}

impl Named {
    /// Reads the name of a payment, on a route that takes names.
    pub(super) fn read<H: RequestHead + ?Sized>(
        sent: &Sent,
        head: &H,
        required: bool,
    ) -> Result<Option<Self>, Why> {
        let declaration = match sent.extensions() {
            Some(raw) => Extensions::read(raw)
                .ok()
                .and_then(|it| it.get::<Declaration>().ok())
                .ok_or(Why::Misnamed)?,
            None => None,
        };
        match declaration.and_then(|it| it.info.id) {
            Some(id) => {
                let query = head.query().map_or(String::new(), |query| ["?", query].concat());
                let request = [head.method(), " ", head.path(), &query].concat().into();
                let payload = sent.payload().as_str().into();
                Ok(Some(Self { id: Arc::new(id), request, payload }))
            }
            None if required => Err(Why::Unnamed),
            None => Ok(None),
        }
    }

    #[cfg(test)]
    pub(super) fn of(id: Id, request: &str, payload: &str) -> Self {
        Self { id: Arc::new(id), request: request.into(), payload: payload.into() }
    }

    /// Bytes that it takes to remember this.
    pub(super) fn size(&self) -> usize {
        self.id.as_str().len() + self.request.len() + self.payload.len()
    }
}
