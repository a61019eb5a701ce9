//! A server and a client on smol, shut down in order: nothing is left that runs, and the figures say so.

use std::error::Error;
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use quinn::{ClientConfig, Endpoint, EndpointConfig, ServerConfig, SmolRuntime};
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tracked_runtime::TrackedRuntime;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Nothing that a program says on its way out should take longer.
const PATIENCE: Duration = Duration::from_secs(5);

fn main() -> Result<()> {
    smol::block_on(async {
        let runtime = TrackedRuntime::new(Arc::new(SmolRuntime));
        let (cert, key) = certificate()?;
        let config = ServerConfig::with_single_cert(vec![cert.clone()], key)?;
        let server = endpoint(&runtime, Some(config))?;
        let client = endpoint(&runtime, None)?;

        let echo = smol::spawn(echo(server.clone()));
        let said = say(&client, &server, cert, b"hello").await?;
        println!("said:     {}", String::from_utf8_lossy(&said));
        println!("running:  {:?}", runtime.figures());

        // The order that the documentation of the crate explains.
        client.close(0_u32.into(), b"bye");
        client.wait_idle().await;
        server.close(0_u32.into(), b"bye");
        server.wait_idle().await;
        echo.await.ok();
        drop((client, server));
        if let Err(late) = runtime.wait(PATIENCE).await {
            println!("after {PATIENCE:?} {late}");
            runtime.cancel();
            runtime.wait(PATIENCE).await?;
        }
        println!("shut down: {:?}", runtime.figures());
        Ok(())
    })
}

fn endpoint(
    runtime: &TrackedRuntime<SmolRuntime>,
    config: Option<ServerConfig>,
) -> Result<Endpoint> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let runtime = Arc::new(runtime.clone());
    Ok(Endpoint::new(
        EndpointConfig::default(),
        config,
        socket,
        runtime,
    )?)
}

/// Sends back what the first stream of the first connection brings.
async fn echo(server: Endpoint) -> std::result::Result<(), quinn::ConnectionError> {
    let Some(incoming) = server.accept().await else {
        return Ok(());
    };
    let connection = incoming.await?;
    let (mut send, mut receive) = connection.accept_bi().await?;
    let heard = receive.read_to_end(1024).await.unwrap_or_default();
    // Whether it gets through is for the client to say.
    send.write_all(&heard).await.ok();
    send.finish().ok();
    connection.closed().await;
    Ok(())
}

async fn say(
    client: &Endpoint,
    server: &Endpoint,
    cert: CertificateDer<'static>,
    words: &[u8],
) -> Result<Vec<u8>> {
    let mut roots = RootCertStore::empty();
    roots.add(cert)?;
    let config = ClientConfig::with_root_certificates(Arc::new(roots))?;
    let connecting = client.connect_with(config, server.local_addr()?, "localhost")?;
    let (mut send, mut receive) = connecting.await?.open_bi().await?;
    send.write_all(words).await?;
    send.finish()?;
    Ok(receive.read_to_end(1024).await?)
}

fn certificate() -> Result<(CertificateDer<'static>, PrivateKeyDer<'static>)> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    Ok((
        made.cert.der().clone(),
        made.signing_key.serialize_der().try_into()?,
    ))
}
