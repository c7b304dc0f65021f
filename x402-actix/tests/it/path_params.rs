//! What a price function reads of a path is what the handler reads of it, or the request is answered 400.

use std::sync::{Arc, Mutex};

use crate::common::{Site, answer};
use actix_web::dev::Service;
use actix_web::http::StatusCode;
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, web};
use serde::{Deserialize, Serialize};
use x402_actix::{ConfigError, GateLayer, Inquiry, Quote};

/// What stands in the place of each name, and nothing where the route does not have it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
struct Values {
    a: String,
    b: String,
    c: String,
}

const ROUTES: [&str; 12] = [
    "/1/{a}",
    "/2/{a}x{b}",
    "/3/{a}x{b}x{c}/x",
    "/4/{a}.{b}",
    "/5/{a}/{b}*",
    "/6/{a:.*}/{b}",
    "/7/{a:.*}x{b:.+}",
    "/8/{a:[0-9]+}{b:[x.]*}",
    "/9/{a:[0-9]{2}}/{b:.*}",
    "/10/{a}+{b}",
    "/11/{a:[^/]*}/{b:[^/]+}x",
    "/12/{a}{b}",
];

const PATHS: [&str; 24] = [
    "1", "12", "1x2", "1x2x3", "xxx", "x", "1x2x3/x", "xxxxx/x", "a.b", "a.tar.gz", "...", "1/2",
    "1/2/3", "12/x/3/", "/x", "1%78%32", "%2Fx%2f", "1%2578x2", "1+2%2B3", "%2Bx+", "1+x", "%FFx1",
    "%%341x", "12..x",
];

#[actix_web::test]
async fn a_price_reads_of_a_path_what_its_handler_reads() {
    let site = Site::prepare().await;
    let read = Arc::new(Mutex::new(Values::default()));
    let (mut same, mut refused) = (0, 0);
    for route in ROUTES {
        let reader = Arc::clone(&read);
        let price = site.paywall.price_by(move |inquiry: Inquiry| {
            let value = |name| inquiry.path_param(name).unwrap_or_default().into_owned();
            *reader.lock().unwrap() = Values { a: value("a"), b: value("b"), c: value("c") };
            async { Ok::<_, ConfigError>(Quote::Free) }
        });
        let handler = async |path: web::Path<Values>| web::Json(path.into_inner());
        let resource = web::resource(route).to(handler).wrap(GateLayer::new(price.gate().unwrap()));
        let app = init_service(App::new().service(resource)).await;
        let folder = route.split_inclusive('/').take(2).collect::<String>();
        for path in PATHS {
            let request = TestRequest::with_uri(&format!("{folder}{path}")).to_request();
            let answer = answer(app.call(request).await.unwrap()).await;
            match StatusCode::from_u16(answer.status).unwrap() {
                StatusCode::OK => {
                    let handled: Values = serde_json::from_str(&answer.body).unwrap();
                    assert_eq!(*read.lock().unwrap(), handled, "{route} {path}");
                    same += 1;
                }
                StatusCode::BAD_REQUEST => {
                    assert_eq!(answer.json()["error"], "ambiguous_request", "{route} {path}");
                    assert!(
                        route.contains(':') || path.contains("%FF") || path.contains("%%"),
                        "{route} {path}"
                    );
                    refused += 1;
                }
                status => assert_eq!(status, StatusCode::NOT_FOUND, "{route} {path}"),
            }
        }
    }
    assert!(same > 60 && (1..15).contains(&refused), "{same} {refused}");
}

#[actix_web::test]
async fn what_of_a_path_is_whose_is_not_priced_where_it_is_not_clear() {
    let site = Site::prepare().await;
    let price = site.paywall.price_by(|inquiry: Inquiry| async move {
        let width = inquiry.path_param("w").and_then(|it| it.parse::<u32>().ok()).unwrap_or(1);
        Ok::<Quote, ConfigError>(inquiry.price(&format!("0.{:06}", width.min(9999)))?.into())
    });
    let price = GateLayer::new(price.gate().unwrap());
    // Of several patterns of one resource the framework tells the first.
    let several = web::resource(["/img/{w}x{h}", "/image/{h}/{w}"]).wrap(price.clone());
    let free_form = web::resource("/any/{w:.*}{h:[0-9]*}").wrap(price);
    let app =
        App::new().service(several.to(async || "sold")).service(free_form.to(async || "sold"));
    let app = init_service(app).await;
    let ask = async |path: &str| {
        answer(app.call(TestRequest::with_uri(path).to_request()).await.unwrap()).await
    };
    let terms = ask("/img/9000x1").await.challenge().expect("terms");
    assert_eq!(terms.accepts[0].amount.to_string(), "9000");
    for path in ["/image/1/9000", "/any/9000"] {
        let unclear = ask(path).await;
        assert_eq!((unclear.status, &unclear.json()["error"]), (400, &"ambiguous_request".into()));
        assert!(
            unclear.body.contains("it is not clear what of its path is `w`"),
            "{}",
            unclear.body
        );
    }
}
