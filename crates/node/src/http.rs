//! `/health`, `/ready` and `/metrics`.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::metrics::Metrics;
use crate::peer::Links;

/// The header of `/ready` that says which process answers, by its id.
pub const PROCESS_HEADER: &str = "x-syncline-process";

#[derive(Clone)]
struct Observed {
    metrics: Arc<Metrics>,
    links: Links,
    /// How many peers a majority needs beside this node.
    needed: usize,
}

/// Serves until the node shuts down.
pub(crate) async fn serve(
    listener: TcpListener,
    metrics: Arc<Metrics>,
    links: Links,
    needed: usize,
    mut shutdown: watch::Receiver<bool>,
) -> std::io::Result<()> {
    let router = Router::new()
        .route("/health", get(health))
        .route("/ready", get(ready))
        .route("/metrics", get(text))
        .with_state(Observed { metrics, links, needed });
    let stopped = async move {
        let _ = shutdown.wait_for(|stop| *stop).await;
    };
    axum::serve(listener, router).with_graceful_shutdown(stopped).await
}

/// The process lives and every partition's store can be trusted.
async fn health(State(observed): State<Observed>) -> impl IntoResponse {
    if observed.metrics.has_halted() {
        (StatusCode::INTERNAL_SERVER_ERROR, "a partition has stopped: its store can not be trusted; see the log\n")
    } else {
        (StatusCode::OK, "ok\n")
    }
}

/// Its partitions also take part, no peer refuses it, and it can reach a majority.
async fn ready(State(observed): State<Observed>) -> impl IntoResponse {
    let connected = observed.links.connected();
    let (status, text) = if observed.metrics.has_halted() {
        (StatusCode::SERVICE_UNAVAILABLE, "a partition has stopped\n".to_owned())
    } else if let Some(reason) = observed.metrics.readiness.reason() {
        (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n"))
    } else if connected < observed.needed {
        let text = format!("{connected} peers are connected, a majority needs {}\n", observed.needed);
        (StatusCode::SERVICE_UNAVAILABLE, text)
    } else {
        (StatusCode::OK, "ready\n".to_owned())
    };
    (status, [(PROCESS_HEADER, std::process::id().to_string())], text)
}

async fn text(State(observed): State<Observed>) -> impl IntoResponse {
    let format = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, format)], observed.metrics.encode())
}
