//! Copies of one payment, over real connections to several workers.

use std::rc::Rc;

use crate::common::Site;

#[actix_web::test]
async fn twenty_copies_run_the_handler_once_and_settle_once() {
    let site = Rc::new(Site::open().await);
    let payment = site.pay("/goods").await;
    let copies: Vec<_> = (0..20)
        .map(|_| {
            let (site, payment) = (Rc::clone(&site), payment.clone());
            actix_web::rt::spawn(async move { site.buy(&payment).await.status })
        })
        .collect();
    let mut statuses = Vec::new();
    for copy in copies {
        statuses.push(copy.await.unwrap());
    }
    statuses.sort_unstable();
    assert_eq!(statuses[0], 200);
    assert!(statuses[1..].iter().all(|status| *status == 409), "{statuses:?}");
    assert_eq!((site.goods.count(), site.facilitator.settle().calls()), (1, 1));
}
