//! Connections to a facilitator are kept open, and belong to the runtime that opened them.
#![cfg(feature = "http-facilitator")]

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;
use x402_server::facilitator::{Facilitator, HttpFacilitator};

/// Answers what it supports, as often as it is asked over a connection.
fn listen() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    thread::spawn(move || {
        for stream in listener.incoming() {
            counted.fetch_add(1, SeqCst);
            thread::spawn(move || answer(stream.unwrap()));
        }
    });
    (url, connections)
}

fn answer(mut stream: TcpStream) {
    let lines = BufReader::new(stream.try_clone().unwrap()).lines();
    for line in lines.map_while(Result::ok) {
        if line.is_empty() {
            let answer = "HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n{\"kinds\":[]}";
            stream.write_all(answer.as_bytes()).unwrap();
        }
    }
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn ask(runtime: &Runtime, facilitator: &HttpFacilitator) {
    // Far more than an answer takes on the slowest machine.
    let asked = async { timeout(Duration::from_secs(30), facilitator.supported()).await };
    runtime.block_on(asked).expect("an answer in time").unwrap();
}

#[test]
fn a_runtime_asks_over_the_connection_that_it_has() {
    let (url, connections) = listen();
    let (facilitator, runtime) = (HttpFacilitator::new(&url).unwrap(), runtime());
    for _ in 0..3 {
        ask(&runtime, &facilitator.clone());
    }
    assert_eq!(connections.load(SeqCst), 1);
}

#[test]
fn a_runtime_that_stands_still_or_is_gone_holds_up_nobody_else() {
    let (url, connections) = listen();
    let facilitator = HttpFacilitator::new(&url).unwrap();
    let (still, gone) = (runtime(), runtime());
    ask(&still, &facilitator);
    ask(&gone, &facilitator);
    drop(gone);
    ask(&runtime(), &facilitator);
    assert_eq!(connections.load(SeqCst), 3);
}
