//! Spellings of paths by which somebody could get for nothing what costs something.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use crate::common::{Double, Head, builder};
use bytes::Bytes;
use http_body_util::Full;
use proptest::prelude::*;
use proptest::sample::select;
use tower::{Layer, ServiceExt, service_fn};
use x402_ledger::MemoryStore;
use x402_server::layer::GateLayer;
use x402_server::{Admission, Gate, RequestHead};
use x402_types::{PaymentRequired, decode};

const SITE: &str = r#"
unlisted = "free"

[[route]]
path = "/paid/item"
price = "0.01"

[[route]]
path = "/files/{*rest}"
price = "0.02"

[[route]]
path = "/weather/{city}"
methods = ["GET"]
price = "0.03"

[[route]]
path = "/docs"
price = "0.04"

[[route]]
path = "/book/index.html"
price = "0.05"

[[route]]
path = "/größe"
price = "0.06"

[[route]]
path = "/a b%7B%7D"
price = "0.07"

[[route]]
path = "/docs/public"
free = true
"#;

struct Ask(&'static str, Head);

impl RequestHead for Ask {
    fn method(&self) -> &str {
        self.0
    }

    fn path(&self) -> &str {
        self.1.path()
    }

    fn query(&self) -> Option<&str> {
        self.1.query()
    }

    fn header_values(&self, name: &'static str) -> impl Iterator<Item = &[u8]> {
        self.1.header_values(name)
    }

    fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.1.headers()
    }
}

async fn gate(list: &str) -> Gate {
    let paywall = builder::<x402_server::Paywall>(&Double::default(), &MemoryStore::new());
    paywall.build().await.unwrap().price_list(list.parse().unwrap()).unwrap().gate()
}

/// What a request without a payment is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    /// To pay so many cents.
    Costs(u32),
    Ambiguous,
    NotFound,
    Free,
    Options,
}

async fn told(gate: &Gate, method: &'static str, path: &str) -> Told {
    match gate.admit(&Ask(method, Head::of(path, None))).await {
        Admission::Free => Options,
        Admission::GivenAway(_) => Free,
        Admission::Reject(reply) => match reply.status {
            400 => {
                assert!(reply.text().contains("ambiguous_path"), "{}", reply.text());
                Ambiguous
            }
            404 => NotFound,
            402 => {
                let terms = reply.header("payment-required").expect("terms");
                let terms: PaymentRequired = decode(terms.as_bytes(), 65_536).unwrap();
                let amount: u32 = terms.accepts[0].amount.to_string().parse().unwrap();
                Costs(amount / 10_000)
            }
            status => panic!("{status}"),
        },
        Admission::Again(_) | Admission::Admit(_) => panic!("nobody has paid"),
    }
}

use Told::{Ambiguous, Costs, Free, NotFound, Options};

#[tokio::test]
async fn every_spelling_of_a_paid_path_costs_or_is_refused() {
    let gate = gate(SITE).await;
    for (path, expected) in [
        // As it is meant.
        ("/paid/item", Costs(1)),
        ("/files/a/b.txt", Costs(2)),
        ("/weather/berlin", Costs(3)),
        ("/gr%C3%B6%C3%9Fe", Costs(6)),
        ("/a%20b%7b%7D", Costs(7)),
        // The same, spelt otherwise.
        ("/paid/item/", Costs(1)),
        ("/Paid/ITEM", Costs(1)),
        ("/%70aid/ite%6D", Costs(1)),
        ("/%50AID/%69tem/", Costs(1)),
        ("/paid/item/index.html", Costs(1)),
        ("/files", Costs(2)),
        ("/files/", Costs(2)),
        ("/FILES/index.html", Costs(2)),
        ("/docs/", Costs(4)),
        ("/docs/index.html", Costs(4)),
        ("/docs/INDEX.htm", Costs(4)),
        ("/book", Costs(5)),
        ("/book/", Costs(5)),
        ("/book/index.html/", Costs(5)),
        ("/gro%CC%88sse", Costs(6)),
        ("/GR%C3%96SSE", Costs(6)),
        ("/pa%C4%B1d/item", Costs(1)),
        ("/paid/%E2%85%B0tem", Costs(1)),
        ("/paid/item%E2%80%8C", Costs(1)),
        ("/paid/%EF%BB%BFitem", Costs(1)),
        ("/paid/%EF%BD%89tem", Costs(1)),
        // Segments that are none.
        ("//paid/item", Ambiguous),
        ("/paid//item", Ambiguous),
        ("/paid/item//", Ambiguous),
        ("//", Ambiguous),
        ("///", Ambiguous),
        ("//evil.example/paid/item", Ambiguous),
        ("/./paid/item", Ambiguous),
        ("/paid/./item", Ambiguous),
        ("/paid/item/.", Ambiguous),
        ("/x/../paid/item", Ambiguous),
        ("/free/../paid/item", Ambiguous),
        ("/paid/x/..", Ambiguous),
        ("/paid/...", Ambiguous),
        ("/paid/%E2%80%8B/item", Ambiguous),
        // Dots that are encoded.
        ("/%2e/paid/item", Ambiguous),
        ("/x/%2E%2E/paid/item", Ambiguous),
        ("/x/.%2e/paid/item", Ambiguous),
        ("/docs/%2e", Ambiguous),
        ("/x/%EF%BC%8E%EF%BC%8E/paid/item", Ambiguous),
        ("/x/%E2%80%A5/paid/item", Ambiguous),
        ("/x/.%E2%80%8B./paid/item", Ambiguous),
        // Slashes that are encoded, or are none.
        ("/paid%2Fitem", Ambiguous),
        ("/paid%2fitem", Ambiguous),
        ("/paid%5Citem", Ambiguous),
        ("/paid\\item", Ambiguous),
        ("\\paid\\item", Ambiguous),
        ("/\\paid/item", Ambiguous),
        ("/paid/item\\m", Ambiguous),
        ("/paid%EF%BC%8Fitem", Ambiguous),
        ("/paid%EF%BC%BCitem", Ambiguous),
        ("/files/..%2f..%2fpaid%2fitem", Ambiguous),
        ("/docs/public%2f..%2f..%2fpaid%2fitem", Ambiguous),
        // Encoded twice, or not soundly.
        ("/%2570aid/item", Ambiguous),
        ("/paid%252Fitem", Ambiguous),
        ("/x/%252e%252e/paid/item", Ambiguous),
        ("/%25%37%30aid/item", Ambiguous),
        ("/%u0070aid/item", Ambiguous),
        ("/%EF%BC%8570aid/item", Ambiguous),
        ("/paid/ite%6", Ambiguous),
        ("/paid/item%", Ambiguous),
        ("/paid/item%zz", Ambiguous),
        ("/paid/item%+1", Ambiguous),
        ("/%C0%AFpaid/item", Ambiguous),
        ("/%C0%AE%C0%AE/paid/item", Ambiguous),
        ("/paid/item%FF", Ambiguous),
        ("/%ED%A0%80", Ambiguous),
        // What is not to be seen, or ends a name.
        ("/paid/item%00", Ambiguous),
        ("/paid/item%00.txt", Ambiguous),
        ("/paid/item%0A", Ambiguous),
        ("/paid/item%0Am", Ambiguous),
        ("/paid/item%0D", Ambiguous),
        ("/paid/item%09", Ambiguous),
        ("/paid/item%7F", Ambiguous),
        ("/paid/item%C2%85", Ambiguous),
        ("/paid/item%E2%80%A8m", Ambiguous),
        ("/paid/item\n", Ambiguous),
        ("/paid/item\t", Ambiguous),
        ("/paid/item ", Ambiguous),
        ("/paid/it\u{0}em", Ambiguous),
        ("/größe", Ambiguous),
        ("/paid/item;x=1", Ambiguous),
        ("/paid;x=1/item", Ambiguous),
        ("/;/paid/item", Ambiguous),
        ("/x/..;/paid/item", Ambiguous),
        ("/paid/item%3Bx", Ambiguous),
        ("/paid/item?x", Ambiguous),
        ("/paid/item%3Fx", Ambiguous),
        ("/paid/item#x", Ambiguous),
        ("/paid/item%23x", Ambiguous),
        // Names that Windows has for the same file.
        ("/paid/item.", Ambiguous),
        ("/paid/item%20", Ambiguous),
        ("/paid/item%C2%A0", Ambiguous),
        ("/paid./item", Ambiguous),
        ("/paid/item::$DATA", Ambiguous),
        ("/paid:$I30:$INDEX_ALLOCATION/item", Ambiguous),
        ("/FILES~1/a", Ambiguous),
        // Targets that are no paths.
        ("*", Ambiguous),
        ("", Ambiguous),
        ("paid/item", Ambiguous),
        ("http://api.example.com/paid/item", Ambiguous),
        ("https:/paid/item", Ambiguous),
        ("api.example.com:443", Ambiguous),
        // What is not listed, soundly spelt.
        ("/", Free),
        ("/about", Free),
        ("/paid", Free),
        ("/paid/item/more", Free),
        ("/paid/items", Free),
        ("/docs/public/", Free),
        ("/docs/index.php", Free),
        ("/weather", Free),
        ("/100~a/[id].js", Free),
        ("/Z%C3%BCrich", Free),
    ] {
        assert_eq!(told(&gate, "GET", path).await, expected, "{path:?}");
    }
    let long = format!("/{}", "a".repeat(9000));
    assert_eq!(told(&gate, "GET", &long).await, Ambiguous);
}

#[tokio::test]
async fn every_method_of_a_paid_path_costs_unless_it_is_not_listed() {
    let gate = gate(SITE).await;
    for (method, path, expected) in [
        ("HEAD", "/weather/berlin", Costs(3)),
        ("head", "/weather/berlin", Costs(3)),
        ("get", "/weather/berlin", Costs(3)),
        ("POST", "/weather/berlin", Free),
        ("POST", "/weather//berlin", Ambiguous),
        ("POST", "/paid/item", Costs(1)),
        ("DELETE", "/paid/item", Costs(1)),
        ("TRACE", "/paid/item", Costs(1)),
        ("QWERTY", "/files/a", Costs(2)),
        ("CONNECT", "api.example.com:443", Ambiguous),
        ("OPTIONS", "/paid/item", Options),
        ("OPTIONS", "*", Options),
    ] {
        assert_eq!(told(&gate, method, path).await, expected, "{method} {path:?}");
    }
}

#[tokio::test]
async fn a_site_that_refuses_what_it_does_not_list_gives_nothing_else_away() {
    let list = SITE.replace("unlisted = \"free\"", "unlisted = \"refuse\"");
    let gate = gate(&list).await;
    for (method, path, expected) in [
        ("GET", "/paid/item", Costs(1)),
        ("GET", "/docs/public", Free),
        ("GET", "/about", NotFound),
        ("GET", "/", NotFound),
        ("GET", "/paid", NotFound),
        ("POST", "/weather/berlin", NotFound),
        ("GET", "/a//b", Ambiguous),
    ] {
        assert_eq!(told(&gate, method, path).await, expected, "{method} {path:?}");
    }
}

#[tokio::test]
async fn a_free_rest_does_not_give_away_a_paid_route_within_it() {
    let list = r#"
        unlisted = "refuse"
        [[route]]
        path = "/{*rest}"
        free = true
        [[route]]
        path = "/paid/item"
        price = "0.01"
        [[route]]
        path = "/paid/folder"
        price = "0.02"
    "#;
    let gate = gate(list).await;
    for (path, expected) in [
        ("/", Free),
        ("/paid/other", Free),
        ("/paid/item", Costs(1)),
        ("/paid/Item/", Costs(1)),
        ("/paid/it%65m", Costs(1)),
        ("/paid/folder", Costs(2)),
        // Free by its path, paid as a folder: it is neither.
        ("/paid/folder/index.html", Ambiguous),
        ("/paid/%2e/item", Ambiguous),
        ("/paid/item;", Ambiguous),
    ] {
        assert_eq!(told(&gate, "GET", path).await, expected, "{path:?}");
    }
}

#[tokio::test]
async fn what_the_layer_lets_through_unpaid_was_free() {
    let served = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&served);
    let inner = service_fn(move |_: http::Request<Full<Bytes>>| {
        count.fetch_add(1, SeqCst);
        async { Ok::<_, Infallible>(http::Response::new(Full::from("served"))) }
    });
    let service = GateLayer::new(gate(SITE).await).layer(inner);
    for (target, status, runs) in [
        ("/paid/item", 402, 0),
        ("/paid/item?x=/about", 402, 0),
        ("/paid/item#/about", 402, 0),
        ("http://evil.example/paid/item", 402, 0),
        ("http://evil.example//paid/item", 400, 0),
        ("*", 400, 0),
        ("evil.example:443", 400, 0),
        ("/paid/%2e/item", 400, 0),
        ("/about", 200, 1),
        ("http://evil.example", 200, 2),
    ] {
        let request = http::Request::builder().uri(target).body(Full::default()).unwrap();
        let answer = service.clone().oneshot(request).await.unwrap();
        assert_eq!((answer.status().as_u16(), served.load(SeqCst)), (status, runs), "{target}");
    }
}

/// A character as it may be written so that some server understands it.
fn written(char: char) -> impl Strategy<Value = String> {
    let code = u32::from(char);
    let upper = char.to_ascii_uppercase();
    select(vec![
        char.to_string(),
        upper.to_string(),
        format!("%{code:02x}"),
        format!("%{:02X}", u32::from(upper)),
        format!("%25{code:02x}"),
        format!("\u{200b}{char}"),
        format!("%E2%81%A0{char}"),
    ])
}

fn word(word: &str) -> impl Strategy<Value = String> + use<> {
    word.chars().map(written).collect::<Vec<_>>().prop_map(|chars| chars.concat())
}

/// What some server takes for one slash.
fn slash() -> impl Strategy<Value = &'static str> {
    select(vec![
        "/", "/", "/", "//", "/./", "/x/../", "\\", "%2f", "%5C", "/%2e/", "/x/%2E./", "/;/",
        "/;a/../", "%252f", "/%2e%2e/", "./", "%20/", ";x/",
    ])
}

/// What some server takes for nothing, at the end.
fn end() -> impl Strategy<Value = &'static str> {
    select(vec![
        "",
        "",
        "",
        "/",
        "//",
        "/.",
        "/x/..",
        ".",
        "%20",
        "%00",
        "%00.png",
        ";a=b",
        "%3Fx",
        "%23x",
        "::$DATA",
        "/index.html",
        "/Index.htm",
        "/%69ndex.html",
        "%0a",
        "%C2%A0",
        "/./",
    ])
}

proptest! {
    #[test]
    fn no_mixture_of_tricks_gets_a_paid_path_for_nothing(
        start in slash(), first in word("paid"), between in slash(), second in word("item"), end in end(),
    ) {
        let path = [start, &first, between, &second, end].concat();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let told = runtime.block_on(async { told(&gate(SITE).await, "GET", &path).await });
        prop_assert!(matches!(told, Costs(1) | Ambiguous), "{}: {:?}", path, told);
    }
}
