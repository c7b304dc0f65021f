//! Lists that are read from files by several at once.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use crate::price_list::{File, OFTEN, amount, goods, paywall, text, until};
use x402_server::PriceList;

#[tokio::test]
async fn an_older_text_of_a_file_that_is_followed_does_not_stay() {
    let file = File::new("older", &text("0.01"));
    let older = PriceList::load(&file.0).await.unwrap();
    let table = paywall().await.price_list(older.clone()).unwrap();
    let gate = table.gate();
    let _follower = table.follow(&file.0, OFTEN);
    file.write(&text("0.02"));
    until(async || amount(&gate, "/goods").await == "20000").await;
    // Who has read it before is late.
    table.replace(older).unwrap();
    until(async || amount(&gate, "/goods").await == "20000").await;
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_not_from_the_file_stays_until_the_file_changes() {
    let (file, other) =
        (File::new("stays", &text("0.01")), File::new("stays-other", &text("0.03")));
    let table = paywall().await.price_list(PriceList::load(&file.0).await.unwrap()).unwrap();
    let gate = table.gate();
    let _follower = table.follow(&file.0, OFTEN);
    for price in ["20000", "30000"] {
        match price {
            "20000" => table.replace(goods("price = \"0.02\"")).unwrap(),
            _ => table.reload(&other.0).await.unwrap(),
        }
        // On a paused clock it has looked that often by then.
        tokio::time::sleep(20 * OFTEN).await;
        assert_eq!(amount(&gate, "/goods").await, price);
    }
    file.write(&text("0.04"));
    until(async || amount(&gate, "/goods").await == "40000").await;
}

#[tokio::test(start_paused = true)]
async fn a_file_is_followed_on_after_whatever_was_in_it() {
    let file = File::new("whatever", &text("0.01"));
    let table = paywall().await.price_list(PriceList::load(&file.0).await.unwrap()).unwrap();
    let gate = table.gate();
    let follower = table.follow(&file.0, OFTEN);
    file.write(&text("0.02").replace("/goods", &"/{x}".repeat(26)));
    // On a paused clock it has looked that often by then.
    tokio::time::sleep(20 * OFTEN).await;
    assert!(!follower.is_finished());
    assert_eq!(amount(&gate, "/goods").await, "10000");
    file.write(&text("0.03"));
    until(async || amount(&gate, "/goods").await == "30000").await;
}

/// One thread reads files, so that a read which is asked for after another is made after it.
#[test]
fn of_two_who_read_a_file_at_once_the_later_reader_has_the_last_word() {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().max_blocking_threads(1).build().unwrap();
    runtime.block_on(async {
        let reads_so_far = async || tokio::task::spawn_blocking(|| ()).await.unwrap();
        let file = File::new("at-once", &text("0.01"));
        let table = paywall().await.price_list(goods("price = \"0.05\"")).unwrap();
        let (go, waits) = std::sync::mpsc::channel();
        let reader = tokio::task::spawn_blocking(move || waits.recv());
        // It has read, and is held up before it takes what it has.
        let mut early = pin!(table.reload(&file.0));
        assert!(poll_fn(|cx| Poll::Ready(early.as_mut().poll(cx).is_pending())).await);
        go.send(()).unwrap();
        reader.await.unwrap().unwrap();
        reads_so_far().await;
        file.write(&text("0.02"));
        let late = tokio::spawn({
            let (table, path) = (table.clone(), file.0.clone());
            async move { table.reload(path).await }
        });
        for _ in 0..100 {
            reads_so_far().await;
        }
        early.await.unwrap();
        late.await.unwrap().unwrap();
        assert_eq!(amount(&table.gate(), "/goods").await, "20000");
    });
}
