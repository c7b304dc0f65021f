//! Whether the function can be a paid handler.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;
use syn::spanned::Spanned;
use syn::{Attribute, Error, FnArg, ItemFn, Safety};

use crate::values::Mistakes;

/// So many the frameworks read of a request.
const MOST_ARGUMENTS: usize = 16;

pub(crate) fn check(function: &ItemFn, mistakes: &mut Mistakes) {
    let signature = &function.sig;
    if signature.asyncness.is_none() {
        let text = "a paid handler is an async fn: it waits for the payment";
        mistakes.add(Error::new(signature.fn_token.span, text));
    }
    if let Some(receiver) = signature.receiver() {
        let text = "#[paid] stands on functions, not on methods: take what `self` has as the handler's state";
        mistakes.add(Error::new(receiver.span(), text));
    }
    let odd = [
        signature.constness.map(|it| it.span),
        signature.abi.as_ref().map(|it| it.span()),
        signature.variadic.as_ref().map(|it| it.span()),
        (!matches!(signature.safety, Safety::Default)).then(|| signature.safety.span()),
    ];
    for span in odd.into_iter().flatten() {
        mistakes.add(Error::new(span, "a handler is a plain async fn"));
    }
    if let Some(one_more) = signature.inputs.iter().nth(MOST_ARGUMENTS) {
        let text = format!("a paid handler has {MOST_ARGUMENTS} arguments at most");
        mistakes.add(Error::new(one_more.span(), text));
    }
    for attribute in signature.inputs.iter().flat_map(attributes).filter(|it| is_conditional(it)) {
        let text =
            "an argument of a paid handler is there or not: put the condition on the function";
        mistakes.add(Error::new(attribute.span(), text));
    }
    if let Some(again) = function.attrs.iter().find(|it| is_named(it, "paid")) {
        let text = "the handler has a price already: other ways to pay are said by or = [\"…\"]";
        mistakes.add(Error::new(again.span(), text));
    }
}

pub(crate) fn attributes(argument: &FnArg) -> &[Attribute] {
    match argument {
        FnArg::Receiver(receiver) => &receiver.attrs,
        FnArg::Typed(typed) => &typed.attrs,
    }
}

/// Whether it decides if what it stands on is there.
pub(crate) fn is_conditional(attribute: &Attribute) -> bool {
    attribute.path().is_ident("cfg")
}

/// Whether the last part of its path is this.
pub(crate) fn is_named(attribute: &Attribute, name: &str) -> bool {
    attribute.path().segments.last().is_some_and(|segment| segment.ident == name)
}

/// Whether it says `Self`, as only what stands in an `impl` can.
pub(crate) fn mentions_self(function: &ItemFn) -> bool {
    let signature = function.sig.to_token_stream().into_iter().any(|token| says_self(&token));
    signature || body_says_self(function.block.to_token_stream())
}

/// Items within have a `Self` of their own.
fn body_says_self(body: TokenStream) -> bool {
    let mut item = false;
    for token in body {
        match &token {
            TokenTree::Ident(word) if word == "Self" && !item => return true,
            TokenTree::Ident(word) => {
                item |= ["impl", "trait", "struct", "enum", "union"].iter().any(|it| word == it);
            }
            TokenTree::Group(group) if item => item = group.delimiter() != Delimiter::Brace,
            TokenTree::Group(group) if body_says_self(group.stream()) => return true,
            TokenTree::Punct(mark) if mark.as_char() == ';' => item = false,
            _ => {}
        }
    }
    false
}

fn says_self(token: &TokenTree) -> bool {
    match token {
        TokenTree::Ident(word) => word == "Self",
        TokenTree::Group(group) => group.stream().into_iter().any(|token| says_self(&token)),
        _ => false,
    }
}
