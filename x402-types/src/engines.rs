//! The base64 of headers, as fast as the processor lets it be: decoding is a tenth of what reading a
//! payment takes.

use std::sync::LazyLock;

use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};

/// What is read may lack the padding; what is written never does.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);

pub(crate) static STANDARD: LazyLock<Engine> = LazyLock::new(|| standard(LENIENT));
pub(crate) static URL_SAFE: LazyLock<Engine> = LazyLock::new(|| url_safe(LENIENT));

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use vectors::{Engine, standard, url_safe};

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
use scalars::{Engine, standard, url_safe};

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod vectors {
    use base64::engine::GeneralPurposeConfig;
    pub(super) use base64::engine::Simd as Engine;

    pub(super) fn standard(config: GeneralPurposeConfig) -> Engine {
        Engine::standard(config)
    }

    pub(super) fn url_safe(config: GeneralPurposeConfig) -> Engine {
        Engine::url_safe(config)
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
mod scalars {
    use base64::alphabet;
    pub(super) use base64::engine::GeneralPurpose as Engine;
    use base64::engine::GeneralPurposeConfig;

    pub(super) fn standard(config: GeneralPurposeConfig) -> Engine {
        Engine::new(&alphabet::STANDARD, config)
    }

    pub(super) fn url_safe(config: GeneralPurposeConfig) -> Engine {
        Engine::new(&alphabet::URL_SAFE, config)
    }
}
