//! What a request may say of its address, and odd spellings of paths.

use crate::{MARKER, SITE, Shop, Site};

pub async fn no_header_and_no_absolute_target_gets_into_the_address<S: Shop>() {
    let site = Site::<S>::open().await;
    let liars: [(&str, &[u8]); 4] = [
        ("x-forwarded-host", b"evil.example"),
        ("x-forwarded-proto", b"gopher"),
        ("forwarded", b"host=evil.example"),
        ("x-original-url", b"/maybe"),
    ];
    for target in ["/goods?a=b", "http://evil.example/goods?a=b"] {
        let answer = site.raw("GET", target, &liars).await.expect("an answer");
        let terms = answer.assert_challenged("Payment required").challenge().unwrap();
        assert_eq!(terms.resource.url, format!("{SITE}/goods?a=b"));
        assert!(!answer.body.contains("evil"), "{}", answer.body);
    }
    site.assert_untouched();
}

pub async fn no_spelling_of_a_path_reaches_the_handler_unpaid<S: Shop>() {
    let site = Site::<S>::open().await;
    let host = site.address();
    let mut targets: Vec<String> = [
        "/goods",
        "/goods/",
        "//goods",
        "/goods//",
        "/./goods",
        "/x/../goods",
        "/%2E/goods",
        "/%2e/goods",
        "/x/%2E%2E/goods",
        "/goods%0A",
        "/goods%0D",
        "/goods%00",
        "/goods%20",
        "/goods%2F",
        "/goods%2f",
        "/goods%3F",
        "/goods%23",
        "/goods\\",
        "/goods%5C",
        "/good%73",
        "/%67oods",
        "/GOODS",
        "/goods;a=b",
        "/goods.",
        "/goods?",
        "/goods?x=/maybe",
        "/goods#x",
        "/maybe/../goods",
        "/maybe%2F..%2Fgoods",
        "/outer/inner/goods",
        "/outer//inner/goods",
        "/outer%2Finner%2Fgoods",
        "/outer/%2E/inner/goods",
        "/outer/inner/../inner/goods",
        "/outer/inner",
        "/outer/inner/",
        "/outer/",
        "/files/",
        "/files",
        "/files//",
        "/files//a",
        "/files/a/../b",
        "/files/%2E%2E/maybe",
        "/files/..%2Fmaybe",
        "/files/%2F",
        "/files/%00",
        "/items/",
        "/items/7/",
        "/items/%37",
        "/items/7%2F8",
        "/status/200",
        "/status/%32%30%30",
        "/any",
        "*",
        "",
    ]
    .map(str::to_owned)
    .into();
    for path in ["/goods", "//goods", "/goods?a", "/files/a", "/outer/inner/goods", "/any"] {
        for scheme in ["http", "https", "HTTP", "ftp"] {
            targets.push(format!("{scheme}://{host}{path}"));
            targets.push(format!("{scheme}://evil.example{path}"));
        }
    }
    targets.push(host.to_string());
    let overrides: [(&str, &[u8]); 3] = [
        ("x-http-method-override", b"OPTIONS"),
        ("x-original-url", b"/maybe"),
        ("x-rewrite-url", b"/maybe"),
    ];
    for target in &targets {
        for method in ["GET", "HEAD", "POST", "TRACE", "CONNECT", "get", "options"] {
            // Some are no requests, and not every server says so before it hangs up.
            let Some(answer) = site.raw(method, target, &overrides).await else { continue };
            assert!(!answer.body.contains(MARKER), "{method} {target}: {answer:?}");
            assert!(!(200..300).contains(&answer.status), "{method} {target}: {answer:?}");
            assert!(answer.status < 500, "{method} {target}: {answer:?}");
        }
    }
    site.assert_untouched();
}

pub async fn another_spelling_is_another_resource<S: Shop>() {
    let site = Site::<S>::open().await;
    let payment = site.pay("/files/a").await;
    let header = payment.header();
    let headers: [(&str, &[u8]); 1] = [("payment-signature", header.as_bytes())];
    for path in [
        "/files/b",
        "/files/%61",
        "/files//a",
        "/files/./a",
        "/files/a/",
        "/files/b/../a",
        "/files/a%2F",
        "/files/A",
        "/files/a;b",
        "//files/a",
        "/files%2Fa",
    ] {
        let Some(answer) = site.raw("GET", path, &headers).await else { continue };
        assert!((300..500).contains(&answer.status), "{path}: {answer:?}");
        assert!(!answer.body.contains(MARKER) && answer.receipt().is_none(), "{path}");
    }
    site.assert_untouched();
    site.buy("/files/a", &payment).await.assert_served();
}
