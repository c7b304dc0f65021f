use x402_types::RawObject;
use x402_types::extensions::payment_identifier::{Declaration, Id, Info};
use x402_types::extensions::{Declared, Extensions};

use crate::PayError;

/// What the payer answers to the seller's extensions, and with it the name of this payment, where
/// the seller takes names. `None` where there is nothing to be added.
///
/// Random for every payment: who knows it, and the payment, is given what was bought.
pub(crate) fn named(
    declared: Option<&RawObject>,
    answers: Option<&RawObject>,
) -> Result<Option<RawObject>, PayError> {
    let Some(declared) = declared else { return Ok(None) };
    // What is not well formed is not for us to answer; it is echoed as it stands.
    let read =
        Extensions::read(declared).ok().and_then(|it| it.get::<Declaration>().ok().flatten());
    let Some(Info { required, id: None }) = read.map(|it| it.info) else { return Ok(None) };
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| PayError::Randomness(error.to_string()))?;
    let mut answers = match answers {
        Some(answers) => Extensions::read(answers).map_err(PayError::Encoding)?,
        None => Extensions::default(),
    };
    let info = Info { required, id: Some(Id::from_random(bytes)) };
    answers.set(&Declared::answer(info)).map_err(PayError::Encoding)?;
    answers.to_raw().map_err(PayError::Encoding)
}
