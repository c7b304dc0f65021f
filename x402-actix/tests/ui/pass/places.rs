//! Wherever a handler may stand a paid one may, and is routed by its name.
#![deny(warnings, missing_docs, unreachable_pub, unused_qualifications, rust_2018_idioms)]
#![forbid(unsafe_code)]

use std::borrow::Cow;
use std::fmt::Display;
use std::marker::PhantomData;

use actix_web::web::{self, Data, Json, Path, Query, ReqData};
use actix_web::{App, get};
use x402_actix::{Payment, paid};

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
    pub(crate) async fn weather(city: Path<String>, payment: Payment) -> String {
        format!("{city} {}", payment.payer())
    }

    /// Says `Self` all over.
    #[paid("$0.01", description = Self::UNIT)]
    #[must_use]
    async fn greet(api: Data<Self>, mut words: Query<Words>) -> String {
        let Self { greeting } = **api;
        let word = words.remove("word").unwrap_or_default();
        format!("{greeting} {word} {}", Self::UNIT)
    }

    #[paid("$0.01")]
    #[cfg(not(any()))]
    #[expect(clippy::unused_async, reason = "found on the handler as it is written")]
    async fn itself(_: Data<Self>) -> actix_web::Result<Json<Words>> {
        Err(actix_web::error::ErrorNotFound(Self::UNIT))
    }

    #[paid("$0.01")]
    #[cfg(any())]
    async fn absent(_: Data<Self>, _: Nowhere) {}

    #[paid("$0.01")]
    async fn general<T>(_: Data<Self>, Json(all): Json<Vec<T>>) -> String
    where
        T: Display + serde::de::DeserializeOwned + 'static,
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
    #[x402_actix::paid("$0.01")]
    pub(super) async fn r#type() -> &'static str {
        "typed"
    }
}

/// The other.
mod other {
    #[x402_actix::paid("$0.02")]
    pub(super) async fn r#type() -> &'static str {
        "typed"
    }
}

#[paid("$0.01")]
async fn elided(word: ReqData<Cow<'_, str>>) -> String {
    word.len().to_string()
}

#[paid("$0.01")]
async fn lifetime<'a>(word: ReqData<Cow<'a, str>>) -> String
where
    'a: 'static,
{
    word.len().to_string()
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

/// What actix-web makes a service of.
#[get("/served/{number}")]
#[paid("$0.01")]
async fn served(_: Path<u8>) -> &'static str {
    "a service"
}

pub(crate) fn main() {
    #[paid("$0.01")]
    async fn r#type() -> &'static str {
        "typed"
    }
    let app = App::new()
        .app_data(Data::new(Api { greeting: "Good day" }))
        .route("/weather/{city}", web::get().to(Api::weather))
        .route("/greet", web::get().to(Api::greet))
        .route("/itself", web::get().to(Api::itself))
        .route("/general", web::post().to(Api::general::<u8>))
        .route("/top", web::get().to(Shelf::<u8>::top))
        .route("/one", web::get().to(one::r#type))
        .route("/other", web::get().to(other::r#type))
        .route("/type", web::get().to(r#type))
        .route("/elided", web::get().to(elided))
        .route("/lifetime", web::get().to(lifetime))
        .route("/inner", web::get().to(inner_self))
        .service(served);
    drop(app);
}
