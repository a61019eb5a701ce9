//! Endpoints of both families on each of their runtimes. All of these let go of what they spawn; none escapes here.

use std::net::{Ipv4Addr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tracked_runtime::TrackedRuntime;

/// Longer than anything here takes, on a busy machine too.
const LIMIT: Duration = Duration::from_secs(60);

/// One task an endpoint, and one a connection and side.
const TASKS: usize = 4;

/// Both tests, for a family on one of its runtimes.
macro_rules! endpoints {
    ($($name:ident: $family:ident on $runtime:expr, by $block_on:expr;)*) => {$(
        mod $name {
            use $family::{ClientConfig, Connection, Endpoint, EndpointConfig, ServerConfig};

            use super::*;

            #[test]
            fn every_task_that_was_let_go_of_is_counted_and_ended() {
                $block_on(async {
                    let runtime = tracked($runtime);
                    let connected = connect(&runtime, &runtime).await;
                    assert_eq!(runtime.len(), TASKS);
                    let limit = runtime.wait(Duration::from_millis(10)).await.unwrap_err();
                    assert_eq!(limit.live, TASKS);

                    runtime.cancel();
                    runtime.wait(LIMIT).await.unwrap();
                    assert_eq!(runtime.figures().cancelled, TASKS as u64);
                    drop(connected);
                    assert_nobody_holds(&runtime);
                });
            }

            #[test]
            fn in_the_documented_order_every_task_comes_to_its_own_end() {
                $block_on(async {
                    let (ours, theirs) = (tracked($runtime), tracked($runtime));
                    let connected = connect(&ours, &theirs).await;
                    assert_eq!((ours.len(), theirs.len()), (TASKS / 2, TASKS / 2));

                    let [server, client] = &connected.endpoints;
                    client.close(0_u32.into(), b"bye");
                    client.wait_idle().await;
                    server.close(0_u32.into(), b"bye");
                    server.wait_idle().await;
                    drop(connected);
                    for runtime in [ours, theirs] {
                        runtime.wait(LIMIT).await.unwrap();
                        let figures = runtime.figures();
                        assert_eq!(figures.finished, figures.spawned, "{figures:?}");
                        assert_nobody_holds(&runtime);
                    }
                });
            }

            struct Connected {
                endpoints: [Endpoint; 2],
                _connections: [Connection; 2],
            }

            async fn connect<R: $family::Runtime>(
                ours: &Arc<TrackedRuntime<R>>,
                theirs: &Arc<TrackedRuntime<R>>,
            ) -> Connected {
                let (cert, key) = certificate();
                let mut roots = RootCertStore::empty();
                roots.add(cert.clone()).unwrap();
                let config = ServerConfig::with_single_cert(vec![cert], key).unwrap();
                let endpoint = |config, runtime: &Arc<TrackedRuntime<R>>| {
                    let default = EndpointConfig::default();
                    Endpoint::new(default, config, socket(), runtime.clone()).unwrap()
                };
                let server = endpoint(Some(config), theirs);
                let client = endpoint(None, ours);
                let config = ClientConfig::with_root_certificates(Arc::new(roots)).unwrap();
                let to = server.local_addr().unwrap();
                let connecting = client.connect_with(config, to, "localhost").unwrap();
                let accepted = server.accept().await.unwrap().accept().unwrap();
                let connections = [accepted.await.unwrap(), connecting.await.unwrap()];
                Connected { endpoints: [server, client], _connections: connections }
            }
        }
    )*};
}

endpoints! {
    quinn_on_tokio: quinn on quinn::TokioRuntime, by on_tokio;
    quinn_on_smol: quinn on quinn::SmolRuntime, by smol::block_on;
    quinn_on_async_std: quinn on quinn::AsyncStdRuntime, by async_std::task::block_on;
    iroh_quinn_on_tokio: iroh_quinn on iroh_quinn::TokioRuntime, by on_tokio;
    iroh_quinn_on_smol: iroh_quinn on iroh_quinn::SmolRuntime, by smol::block_on;
    iroh_quinn_on_async_std: iroh_quinn on iroh_quinn::AsyncStdRuntime, by async_std::task::block_on;
}

fn on_tokio(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(test);
}

fn socket() -> UdpSocket {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()
}

fn tracked<R>(runtime: R) -> Arc<TrackedRuntime<R>> {
    Arc::new(TrackedRuntime::new(Arc::new(runtime)))
}

/// An endpoint keeps its runtime where it keeps its socket and its buffers, and its tasks keep both.
fn assert_nobody_holds<R>(runtime: &Arc<TrackedRuntime<R>>) {
    assert_eq!(Arc::strong_count(runtime), 1);
}

fn certificate() -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = made.signing_key.serialize_der().try_into().unwrap();
    (made.cert.der().clone(), key)
}
