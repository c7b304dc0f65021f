//! Wherever a handler may stand a paid one may, and is routed by its name.
#![deny(warnings, missing_docs, unreachable_pub, unused_qualifications, rust_2018_idioms)]
#![forbid(unsafe_code)]

use std::borrow::Cow;
use std::fmt::Display;
use std::marker::PhantomData;

use axum::extract::{Path, Query, State};
use axum::{Extension, Json, Router, routing};
use x402_axum::{Payment, paid};

type Words = std::collections::HashMap<String, String>;

/// What all handlers share.
#[derive(Clone)]
pub(crate) struct Api {
    greeting: &'static str,
}

impl Api {
    const UNIT: &'static str = "degrees";

    /// Says nothing of what it stands in.
    #[paid("$0.01")]
    pub(crate) async fn weather(Path(city): Path<String>, payment: Payment) -> String {
        format!("{city} {}", payment.payer())
    }

    /// Says `Self` all over.
    #[paid("$0.01", description = Self::UNIT)]
    #[must_use]
    async fn greet(State(Self { greeting }): State<Self>, mut words: Query<Words>) -> String {
        let word = words.remove("word").unwrap_or_default();
        format!("{greeting} {word} {}", Self::UNIT)
    }

    #[paid("$0.01")]
    #[cfg(not(any()))]
    #[expect(clippy::unused_async, reason = "found on the handler as it is written")]
    async fn itself(_: State<Self>) -> Result<Json<Words>, String> {
        Err(format!("in {}", Self::UNIT))
    }

    #[paid("$0.01")]
    #[cfg(any())]
    async fn absent(_: State<Self>, _: Nowhere) {}

    #[paid("$0.01")]
    async fn general<T>(_: State<Self>, Json(all): Json<Vec<T>>) -> String
    where
        T: Display + Send + 'static,
    {
        all.iter().map(T::to_string).collect()
    }
}

struct Shelf<T>(PhantomData<T>);

impl<T: Default + Display + 'static> Shelf<T> {
    fn first() -> T {
        T::default()
    }

    #[paid("$0.01")]
    async fn top() -> String {
        Self::first().to_string()
    }
}

/// A module with the same name in it as the other.
mod one {
    #[x402_axum::paid("$0.01")]
    pub(super) async fn r#type() {}
}

/// The other.
mod other {
    #[x402_axum::paid("$0.02")]
    pub(super) async fn r#type() {}
}

#[paid("$0.01")]
async fn elided(word: Extension<Cow<'_, str>>, _: &'static str) -> String {
    word.len().to_string()
}

#[paid("$0.01")]
async fn lifetime<'a>(Extension(word): Extension<Cow<'a, str>>) -> String
where
    'a: 'static,
{
    word.len().to_string()
}

/// Names that what the attribute writes could have chosen too.
mod chosen {
    use super::{Query, Words, paid};

    #[paid("$0.01")]
    pub(super) async fn unpaid(words: Query<Words>) -> String {
        words.len().to_string()
    }

    #[paid("$0.01")]
    pub(super) async fn argument_0(argument_0: Query<Words>) -> String {
        argument_0.len().to_string()
    }

    /// Beside constants of such names.
    pub(super) mod constants {
        use super::{Query, Words, paid};

        #[expect(non_upper_case_globals, reason = "as the generated arguments")]
        const unpaid: &str = "unpaid";
        #[expect(non_upper_case_globals, reason = "as the generated arguments")]
        const argument_0: &str = "argument";

        #[paid("$0.01")]
        pub(crate) async fn sold(words: Query<Words>) -> String {
            format!("{unpaid} {argument_0} {}", words.len())
        }
    }
}

/// A `Self` of its own is not one of an `impl` around it.
#[paid("$0.01")]
async fn inner_self() -> String {
    struct Inner(u8);
    impl Default for Inner {
        fn default() -> Self {
            Self(1)
        }
    }
    Inner::default().0.to_string()
}

pub(crate) fn main() {
    #[paid("$0.01")]
    async fn r#type() {}
    let _ = |unpaid: x402_axum::__private::Unpaid<_>| elided(unpaid);
    let _: Router = Router::new()
        .route("/weather/{city}", routing::get(Api::weather))
        .route("/greet", routing::get(Api::greet))
        .route("/itself", routing::get(Api::itself))
        .route("/general", routing::post(Api::general::<u8>))
        .route("/top", routing::get(Shelf::<u8>::top))
        .route("/one", routing::get(one::r#type))
        .route("/other", routing::get(other::r#type))
        .route("/type", routing::get(r#type))
        .route("/unpaid", routing::get(chosen::unpaid))
        .route("/argument", routing::get(chosen::argument_0))
        .route("/constants", routing::get(chosen::constants::sold))
        .route("/lifetime", routing::get(lifetime))
        .route("/inner", routing::get(inner_self))
        .with_state(Api { greeting: "Good day" });
}
