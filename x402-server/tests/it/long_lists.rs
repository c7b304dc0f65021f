//! Lists of as many routes as fit, which must not hold up those who buy.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use crate::common::{Double, Head, builder};
use x402_ledger::MemoryStore;
use x402_server::{Admission, Gate, Paywall, PriceList};

const ROUTES: usize = 20_000;

fn list(routes: usize) -> PriceList {
    let route = |number| format!("[[route]]\npath = \"/{number}\"\nprice = \"$1\"\n");
    let routes: String = (0..routes).map(route).collect();
    format!("unlisted = \"refuse\"\n{routes}").parse().unwrap()
}

/// Asks without a pause, until it is told to stop: how often, and how long it was waited at most.
async fn ask(gate: Gate, stop: Arc<AtomicBool>) -> (usize, Duration) {
    let (mut answers, mut longest) = (0, Duration::ZERO);
    while !stop.load(SeqCst) {
        let asked = Instant::now();
        let Admission::Reject(reply) = gate.admit(&Head::of("/0", None)).await else { panic!() };
        assert_eq!(reply.status, 402);
        (answers, longest) = (answers + 1, longest.max(asked.elapsed()));
    }
    (answers, longest)
}

/// Times are compared with what the same machine took for the same list: to make its offers is work
/// for each route, and to hold up requests or tell what is sold must not be work for each two of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_of_many_routes_is_taken_and_told_while_requests_are_answered() {
    let paywall: Paywall = builder(&Double::default(), &MemoryStore::new()).build().await.unwrap();
    let table = paywall.price_list(list(1)).unwrap();
    let (many, stop) = (list(ROUTES), Arc::new(AtomicBool::new(false)));
    let asking = tokio::spawn(ask(table.gate(), Arc::clone(&stop)));

    let began = Instant::now();
    table.replace(many).unwrap();
    let made = began.elapsed();
    stop.store(true, SeqCst);
    let (answers, longest) = asking.await.unwrap();
    assert!(answers > 100, "{answers}");
    assert!(longest * 8 < made, "{longest:?} of {made:?}");

    let began = Instant::now();
    let telling = [(); 4].map(|()| {
        let paywall = paywall.clone();
        thread::spawn(move || paywall.directory_json())
    });
    let told = telling.map(|it| it.join().unwrap());
    let took = began.elapsed();
    assert!(took * 2 < made, "{took:?} of {made:?}");
    // Made once for all who ask at once.
    assert!(told.iter().all(|json| json.as_ptr() == told[0].as_ptr()));
    assert_eq!(paywall.directory().routes.len(), ROUTES);

    table.replace(list(1)).unwrap();
    assert_eq!(paywall.directory().routes.len(), 1);
}
