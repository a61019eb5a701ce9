//! What a watch serves over HTTP, to good clients and to bad ones.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use vitals::{Error, Metric, Reading, SourceError, Vitals};

static PEERS: Metric = Metric::gauge("book.peers", "Known peers.");

/// A watch over one figure, on a port that the system picks.
async fn watch(peers: f64) -> Vitals {
    let vitals = Vitals::builder()
        .source("book", vec![&PEERS], move || async move {
            Ok(vec![Reading::new(&PEERS, peers).limit(10.0)])
        })
        .every(Duration::from_millis(50))
        .serve(([127, 0, 0, 1], 0))
        .start()
        .await
        .unwrap();
    until_read(&vitals).await;
    vitals
}

async fn until_read(vitals: &Vitals) {
    while vitals.latest().is_none() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Status and body of a page.
async fn get(vitals: &Vitals, path: &'static str) -> (u16, String) {
    let address = vitals.address().unwrap();
    tokio::task::spawn_blocking(move || get_from(address, path))
        .await
        .unwrap()
}

fn get_from(address: SocketAddr, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let accept = "application/openmetrics-text; version=1.0.0";
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: node\r\nAccept: {accept}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, body.to_owned())
}

#[tokio::test]
async fn every_page_answers_while_all_is_well() {
    let vitals = watch(3.0).await;
    let (status, metrics) = get(&vitals, "/metrics").await;
    assert_eq!(status, 200);
    for line in [
        "evergreen_book_peers 3.0\n",
        "evergreen_book_peers_limit 10.0\n",
        "evergreen_source_up{source=\"book\"} 1.0\n",
        "evergreen_process_resident_bytes ",
        "evergreen_runtime_workers ",
        "evergreen_memory_under_pressure ",
    ] {
        assert!(metrics.contains(line), "{line} is missing from {metrics}");
    }
    assert!(metrics.ends_with("# EOF\n"));

    let (status, health) = get(&vitals, "/health").await;
    let health: serde_json::Value = serde_json::from_str(&health).unwrap();
    assert_eq!(status, 200, "{health}");
    assert_eq!(health["book"]["peers"]["state"], "ok");

    assert_eq!(get(&vitals, "/live").await.0, 200);
    assert_eq!(get(&vitals, "/ready").await.0, 200);
    assert_eq!(get(&vitals, "/nowhere").await.0, 404);
    let (status, page) = get(&vitals, "/").await;
    assert_eq!(status, 200);
    assert!(page.contains("book.peers"));
    vitals.shutdown().await;
}

#[tokio::test]
async fn a_figure_past_its_bound_makes_the_node_unhealthy_but_not_dead() {
    let vitals = watch(11.0).await;
    let (status, health) = get(&vitals, "/health").await;
    assert_eq!(status, 503);
    assert!(
        health.contains("book.peers is 11, past its bound of 10"),
        "{health}"
    );
    assert_eq!(get(&vitals, "/live").await.0, 200);
}

#[tokio::test]
async fn what_has_ended_is_told_to_whoever_keeps_the_process_running() {
    let vitals = Vitals::builder()
        .source("node", vec![], || async {
            Err(SourceError::Ended("it was shut down".into()))
        })
        .serve(([127, 0, 0, 1], 0))
        .start()
        .await
        .unwrap();
    until_read(&vitals).await;
    let (status, why) = get(&vitals, "/live").await;
    assert_eq!((status, &*why), (503, "node has ended: it was shut down\n"));
    assert_eq!(get(&vitals, "/ready").await.0, 503);
    let (_, metrics) = get(&vitals, "/metrics").await;
    assert!(metrics.contains("evergreen_source_up{source=\"node\"} 0.0\n"));
}

#[tokio::test]
async fn clients_that_say_nothing_keep_no_other_out() {
    let vitals = watch(3.0).await;
    // One less than may be there at a time.
    let silent: Vec<_> = (0..31)
        .map(|_| TcpStream::connect(vitals.address().unwrap()).unwrap())
        .collect();
    assert_eq!(get(&vitals, "/live").await.0, 200);
    drop(silent);
}

#[tokio::test]
async fn clients_past_the_bound_wait_until_another_has_gone() {
    let vitals = watch(3.0).await;
    let address = vitals.address().unwrap();
    let silent: Vec<_> = (0..32)
        .map(|_| TcpStream::connect(address).unwrap())
        .collect();
    let waiting = tokio::task::spawn_blocking(move || get_from(address, "/live"));
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!waiting.is_finished());
    drop(silent);
    assert_eq!(waiting.await.unwrap().0, 200);
}

#[tokio::test]
async fn a_request_without_end_is_cut_off_and_a_large_body_is_not_read() {
    let vitals = watch(3.0).await;
    let address = vitals.address().unwrap();
    let endless = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        let timeout = Some(Duration::from_secs(20));
        stream.set_read_timeout(timeout).unwrap();
        stream.write_all(b"GET /metrics HTTP/1.1\r\n").unwrap();
        let header = format!("X-Header: {}\r\n", "x".repeat(1000));
        // A megabyte: past what is read of a head. The client hears of it here or in the answer.
        let written = (0..1000).try_for_each(|_| stream.write_all(header.as_bytes()));
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer);
        (written.is_err() || read.is_err(), answer)
    });
    let (cut, answer) = endless.await.unwrap();
    assert!(
        cut || answer.starts_with(b"HTTP/1.1 431 ") || answer.starts_with(b"HTTP/1.1 400 "),
        "{}",
        String::from_utf8_lossy(&answer)
    );

    let posted = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        let timeout = Some(Duration::from_secs(20));
        stream.set_read_timeout(timeout).unwrap();
        let head = b"POST /metrics HTTP/1.1\r\nHost: node\r\nContent-Length: 9999999999\r\n\r\n";
        stream.write_all(head).unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        answer
    });
    assert_eq!(&posted.await.unwrap(), b"HTTP/1.1 405");
    assert_eq!(get(&vitals, "/live").await.0, 200);
    vitals.shutdown().await;
}

#[tokio::test]
async fn a_client_that_never_reads_keeps_no_other_out_and_does_not_hold_up_the_end() {
    let vitals = watch(3.0).await;
    let mut deaf = TcpStream::connect(vitals.address().unwrap()).unwrap();
    for _ in 0..100 {
        let _ = deaf.write_all(b"GET / HTTP/1.1\r\nHost: node\r\n\r\n");
    }
    assert_eq!(get(&vitals, "/metrics").await.0, 200);
    let ended = tokio::time::timeout(Duration::from_secs(20), vitals.shutdown()).await;
    assert!(ended.is_ok());
}

#[tokio::test]
async fn a_port_in_use_is_an_error_that_says_what_to_do() {
    let vitals = watch(3.0).await;
    let taken = vitals.address().unwrap();
    let error = Vitals::builder().serve(taken).start().await.unwrap_err();
    assert!(matches!(error, Error::Bind { .. }));
    let text = error.to_string();
    assert!(
        text.starts_with(&format!("cannot serve vitals on {taken}: ")),
        "{text}"
    );
    assert!(text.ends_with("choose another port, or 0 for any that is free"));
}

#[tokio::test]
async fn settings_that_no_watch_can_work_with_are_refused() {
    let start = async |builder: vitals::Builder| builder.start().await.unwrap_err().to_string();
    let builder = Vitals::builder;
    assert_eq!(
        start(builder().every(Duration::ZERO)).await,
        "`every` is zero, but must be a time above zero"
    );
    assert_eq!(
        start(builder().rounds(0)).await,
        "`rounds` is zero, but must be at least one"
    );
    let unknown = start(builder().threshold("bok.peers", 1.0)).await;
    assert!(
        unknown.starts_with("no figure is called `bok.peers`; there are "),
        "{unknown}"
    );
    let twice = start(
        builder()
            .source("book", vec![], || async { Ok(vec![]) })
            .source("book", vec![], || async { Ok(vec![]) }),
    );
    assert!(twice.await.contains("given twice under the name `book`"));
    let twice = start(
        builder()
            .relief("cache", || async {})
            .relief("cache", || async {}),
    );
    assert!(twice.await.contains("given twice under the name `cache`"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scrape_during_the_shutdown_is_answered_as_a_whole_or_cut_off() {
    let vitals = watch(3.0).await;
    let address = vitals.address().unwrap();
    let (first, mut answered) = tokio::sync::mpsc::channel(1);
    let scraper = tokio::task::spawn_blocking(move || {
        // Until the connection is refused; a scrape that hangs ends with its time-out, and then the test.
        while let Ok(mut stream) = TcpStream::connect(address) {
            let timeout = Some(Duration::from_secs(20));
            stream.set_read_timeout(timeout).unwrap();
            let request = b"GET /health HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n";
            let mut answer = Vec::new();
            let read = stream
                .write_all(request)
                .and_then(|()| stream.read_to_end(&mut answer));
            match read {
                Ok(_) if answer.is_empty() => {}
                Ok(_) => assert!(answer.ends_with(b"}}"), "cut in the middle"),
                Err(error) => assert_ne!(error.kind(), std::io::ErrorKind::WouldBlock),
            }
            let _ = first.try_send(());
        }
    });
    answered.recv().await.unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(20), vitals.shutdown()).await;
    assert!(ended.is_ok());
    scraper.await.unwrap();
}

#[tokio::test]
async fn after_the_end_nothing_listens_and_no_connection_is_left() {
    let vitals = watch(3.0).await;
    let address = vitals.address().unwrap();
    let mut silent = TcpStream::connect(address).unwrap();
    assert_eq!(get(&vitals, "/live").await.0, 200);
    vitals.shutdown().await;
    assert!(TcpStream::connect(address).is_err());
    silent
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let ended = tokio::task::spawn_blocking(move || silent.read(&mut [0; 16])).await;
    // Cut off, one way or the other, instead of a time-out.
    match ended.unwrap() {
        Ok(read) => assert_eq!(read, 0),
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
    }
}
