use std::sync::Arc;

use sha2::{Digest, Sha256};
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
    /// Of method, address and the signed payment, to the letter: however long they are, a name takes
    /// no more room.
    digest: [u8; 32],
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
                let payload = sent.payload().as_str();
                let (query, mark) = head.query().map_or(("", ""), |query| (query, "?"));
                let request = [head.method(), " ", head.path(), mark, query];
                Ok(Some(Self { id: Arc::new(id), digest: digest(&request, payload) }))
            }
            None if required => Err(Why::Unnamed),
            None => Ok(None),
        }
    }

    #[cfg(test)]
    pub(super) fn of(id: Id, request: &str, payload: &str) -> Self {
        Self { id: Arc::new(id), digest: digest(&[request], payload) }
    }

    /// Tells the name from others without telling it.
    pub(super) fn id_digest(&self) -> String {
        hex(&Sha256::digest(self.id.as_str()))
    }

    /// Bytes that it takes to remember this.
    pub(super) fn size(&self) -> usize {
        self.id.as_str().len() + self.digest.len()
    }
}

fn digest(request: &[&str], payload: &str) -> [u8; 32] {
    let length = request.iter().map(|part| part.len() as u64).sum::<u64>();
    let mut digest = Sha256::new();
    // The length first: where the request ends, the payment begins.
    digest.update(length.to_be_bytes());
    request.iter().for_each(|part| digest.update(part));
    digest.update(payload);
    digest.finalize().into()
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
