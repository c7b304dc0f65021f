//! The paid handler around the handler.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Attribute, Expr, FnArg, GenericParam, ItemFn, LitBool, LitStr, ReturnType, Signature};

use crate::args::{Args, Scheme};
use crate::function;
use crate::values::Mistakes;

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
    let (own, outer): (Vec<Attribute>, Vec<Attribute>) =
        inner.attrs.drain(..).partition(|it| function::is_named(it, "instrument"));
    inner.attrs = own;
    let visibility = std::mem::replace(&mut inner.vis, syn::Visibility::Inherited);
    let conditions: Vec<&Attribute> =
        outer.iter().filter(|it| function::is_conditional(it)).collect();
    let name = inner.sig.ident.clone();
    let tag_type = format_ident!("__x402_paid_{}", name.unraw(), span = Span::call_site());
    let tag = tag(&private, &name, args);
    let paid = Ident::new("paid", Span::mixed_site());
    let arguments: Vec<Ident> = (0..inner.sig.inputs.len())
        .map(|number| format_ident!("argument_{number}", span = Span::mixed_site()))
        .collect();
    let signature = outer_signature(&private, &tag_type, &paid, &arguments, &inner.sig);
    let parameters = turbofish(&inner.sig);
    // Where what it returns is no answer, the error points there.
    let at = match &inner.sig.output {
        ReturnType::Default => name.span(),
        ReturnType::Type(_, answer) => answer.span(),
    };
    let receiver = Ident::new("paid", Span::mixed_site().located_at(at));
    let serve = quote_spanned! {at=>
        #receiver
            .serve(async move {
                #(let #arguments = #arguments.read()?;)*
                ::core::result::Result::Ok(#name #parameters (#(#arguments),*).await)
            })
            .await
    };
    // One argument more than the function has.
    let allowed = (arguments.len() < 8).then(|| quote!(#[allow(clippy::too_many_arguments)]));
    quote! {
        #(#conditions)*
        #[doc(hidden)]
        #[allow(non_camel_case_types, dead_code, unreachable_pub)]
        #visibility struct #tag_type;

        #(#conditions)*
        #[doc(hidden)]
        impl #private::Paid for #tag_type {
            const TAG: &'static #private::Tag = &#tag;
        }

        #(#outer)*
        #allowed
        #visibility #signature {
            #inner
            #serve
        }
    }
}

/// The function's signature with the payment as its first argument.
fn outer_signature(
    private: &TokenStream,
    tag_type: &Ident,
    paid: &Ident,
    arguments: &[Ident],
    inner: &Signature,
) -> TokenStream {
    let Signature { ident, generics, inputs, .. } = inner;
    let types = inputs.iter().filter_map(|argument| match argument {
        FnArg::Typed(typed) => Some(&typed.ty),
        FnArg::Receiver(_) => None,
    });
    let condition = &generics.where_clause;
    quote! {
        async fn #ident #generics(
            #paid: #private::Admitted<#tag_type>,
            #(#arguments: #private::Later<#types>),*
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
