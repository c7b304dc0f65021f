//! The paid handler around the handler.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Attribute, Expr, FnArg, GenericParam, ItemFn, LitBool, LitStr, ReturnType, Signature};

use crate::args::{Args, Scheme};
use crate::function;
use crate::values::Mistakes;

/// What the paid handler calls its argument. Within it stands the function under its own name, and of
/// equal names an item hides an argument, wherever each was written.
const UNPAID: &str = "__x402_unpaid";

/// The function with its price, or as it was with all that is wrong.
pub(crate) fn paid(adapter: &str, args: TokenStream, item: &TokenStream) -> TokenStream {
    let mut mistakes = Mistakes::default();
    let args = Args::read(args, &mut mistakes);
    let parsed = mistakes.keep(syn::parse2::<ItemFn>(item.clone()).map_err(|error| {
        let text = format!("#[paid] stands on an async function that handles requests: {error}");
        syn::Error::new(error.span(), text)
    }));
    if let Some(parsed) = &parsed {
        function::check(parsed, &mut mistakes);
    }
    match (mistakes.into_error(), parsed) {
        (None, Some(parsed)) => expand(adapter, &args, parsed),
        (error, _) => {
            // The item as well, or all that names it is an error too.
            let error = error.map(|error| error.to_compile_error());
            quote! { #error #item }
        }
    }
}

fn expand(adapter: &str, args: &Args, mut inner: ItemFn) -> TokenStream {
    let adapter = Ident::new(adapter, Span::call_site());
    let private = quote!(::#adapter::__private);
    // What measures a function must know its arguments by their names.
    let (own, mut outer): (Vec<Attribute>, Vec<Attribute>) =
        inner.attrs.drain(..).partition(|it| function::is_named(it, "instrument"));
    inner.attrs = own;
    let visibility = std::mem::replace(&mut inner.vis, syn::Visibility::Inherited);
    let tag = tag(&private, &inner.sig.ident, args);
    let unpaid = Ident::new(UNPAID, Span::mixed_site());
    let signature = outer_signature(&private, &unpaid, &inner.sig);
    let place = Place::of(&mut inner, &mut outer);
    let path = &place.path;
    let parameters = turbofish(&inner.sig);
    let arguments: Vec<Ident> = (0..inner.sig.inputs.len())
        .map(|number| format_ident!("__x402_argument_{number}", span = Span::mixed_site()))
        .collect();
    // Where what it returns is no answer, the error points there.
    let at = match &inner.sig.output {
        ReturnType::Default => inner.sig.ident.span(),
        ReturnType::Type(_, answer) => answer.span(),
    };
    let at = Span::mixed_site().located_at(at);
    let unpaid = Ident::new(UNPAID, at);
    let serve = quote_spanned! {at=>
        #unpaid.serve(const { &#tag }, |(#(#arguments,)*)| #path #parameters (#(#arguments),*)).await
    };
    let Place { within, beside, .. } = &place;
    quote! {
        #beside

        #(#outer)*
        #visibility #signature {
            #within
            #serve
        }
    }
}

/// Where the function goes as it was written.
struct Place {
    within: Option<TokenStream>,
    beside: Option<TokenStream>,
    /// By which the paid handler calls it.
    path: TokenStream,
}

impl Place {
    /// Within the paid handler, under its own name; but nothing there knows the `Self` of an `impl`.
    fn of(inner: &mut ItemFn, outer: &mut Vec<Attribute>) -> Self {
        let name = inner.sig.ident.clone();
        if !function::mentions_self(inner) {
            return Self { within: Some(quote!(#inner)), beside: None, path: quote!(#name) };
        }
        let hidden = format_ident!("__x402_unpaid_{}", name.unraw(), span = name.span());
        inner.sig.ident = hidden.clone();
        let expected: Vec<Attribute> =
            outer.extract_if(.., |it| function::is_named(it, "expect")).collect();
        let shared = outer
            .iter()
            .filter(|it| function::is_conditional(it) || function::is_named(it, "allow"));
        let beside = quote! { #(#shared)* #(#expected)* #inner };
        Self { within: None, beside: Some(beside), path: quote!(Self::#hidden) }
    }
}

/// The function's signature with the unpaid request, and what the function takes of it, as its argument.
fn outer_signature(private: &TokenStream, unpaid: &Ident, inner: &Signature) -> TokenStream {
    let Signature { ident, generics, inputs, .. } = inner;
    let types = inputs.iter().filter_map(|argument| match argument {
        FnArg::Typed(typed) => Some(&typed.ty),
        FnArg::Receiver(_) => None,
    });
    let condition = &generics.where_clause;
    quote! {
        async fn #ident #generics(
            #unpaid: #private::Unpaid<(#(#types,)*)>
        ) -> #private::Response #condition
    }
}

/// The function's own parameters, of which not all may follow from its arguments.
fn turbofish(signature: &Signature) -> Option<TokenStream> {
    let named = signature.generics.params.iter().filter_map(|parameter| match parameter {
        GenericParam::Type(parameter) => Some(&parameter.ident),
        GenericParam::Const(parameter) => Some(&parameter.ident),
        _ => None,
    });
    let named: Vec<&Ident> = named.collect();
    (!named.is_empty()).then(|| quote!(::<#(#named),*>))
}

/// What was said, as a constant.
fn tag(private: &TokenStream, name: &Ident, args: &Args) -> TokenStream {
    let handler = format!("::{}", name.unraw());
    let scheme = match args.scheme {
        None | Some(Scheme::Exact) => quote!(Exact),
        Some(Scheme::Permit2) => quote!(Permit2),
        Some(Scheme::Upto) => quote!(Upto),
    };
    let prices = args.prices();
    let Args { networks, assets, streaming, tags, .. } = args;
    let streaming = LitBool::new(*streaming, Span::call_site());
    let description = option::<Expr>(args.description.as_ref());
    let mime_type = option::<LitStr>(args.mime_type.as_ref());
    let upfront = option(args.upfront.as_ref());
    let route = option(args.route.as_ref());
    let service_name = option(args.service_name.as_ref());
    let max_timeout_seconds = option(args.max_timeout_seconds.as_ref());
    let payment_identifier = option(args.payment_identifier.as_ref());
    quote! {
        #private::Tag {
            handler: ::core::concat!(::core::module_path!(), #handler),
            prices: &[#(#prices),*],
            networks: &[#(#networks),*],
            assets: &[#(#assets),*],
            description: #description,
            mime_type: #mime_type,
            scheme: #private::TagScheme::#scheme,
            upfront: #upfront,
            streaming: #streaming,
            tags: &[#(#tags),*],
            route: #route,
            service_name: #service_name,
            max_timeout_seconds: #max_timeout_seconds,
            payment_identifier: #payment_identifier,
        }
    }
}

fn option<T: ToTokens>(value: Option<&T>) -> TokenStream {
    match value {
        Some(value) => quote!(::core::option::Option::Some(#value)),
        None => quote!(::core::option::Option::None),
    }
}
