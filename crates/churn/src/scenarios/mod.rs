//! The table of scenarios: each is a module that makes one kind of event happen, and a row here.

mod announcements;
mod blob_downloads;
pub mod canary;
mod careless_blobs;
mod careless_callers;
mod crossing_bursts;
mod dead_peers;
mod deaf_neighbour;
mod driver_lost;
mod ended_runtime;
pub mod forged_announcements;
mod forged_gossip;
mod gossip_locks;
mod gossip_messages;
mod hostile_frames;
mod hostile_peers;
mod idle_node;
mod incoming_dropped;
mod incoming_unaccepted;
mod key_bundles;
mod known_peers;
mod large_messages;
mod lonely_bootstrap;
mod many_addresses;
mod many_candidates;
mod many_logs;
mod no_descriptors;
mod own_frames;
mod peer_churn;
mod quic_churn;
mod quic_endpoints;
mod resync_connections;
mod router;
mod shared_operations;
mod short_retention;
mod silent_connections;
mod store_growth;
mod store_limits;
mod stranger_connects;
mod superseded_links;
mod sync_churn;
mod sync_delta;
mod sync_frames;
mod sync_sessions;
mod topic_churn;
mod topic_rejoin;
mod unanswered_dials;
mod weak_handles;
mod woken_node;

pub use crate::scenario::{AT_REST, FEW, Quick, Scenario};

/// Every scenario there is. To add one: a module with a `SCENARIO`, and a line.
pub const SCENARIOS: &[Scenario] = &[
    known_peers::SCENARIO,
    gossip_locks::SCENARIO,
    peer_churn::SCENARIO,
    lonely_bootstrap::SCENARIO,
    topic_churn::SCENARIO,
    gossip_messages::SCENARIO,
    forged_announcements::SCENARIO,
    sync_churn::SCENARIO,
    idle_node::SCENARIO,
    resync_connections::SCENARIO,
    incoming_dropped::SCENARIO,
    incoming_unaccepted::SCENARIO,
    quic_churn::SCENARIO,
    driver_lost::SCENARIO,
    weak_handles::SCENARIO,
    canary::SCENARIO,
    sync_frames::SCENARIO,
    store_growth::SCENARIO,
    store_limits::SCENARIO,
    blob_downloads::SCENARIO,
    careless_blobs::UNREAD_IMPORTS,
    careless_blobs::EXPORTED_BLOBS,
    dead_peers::SCENARIO,
    superseded_links::SCENARIO,
    topic_rejoin::SCENARIO,
    stranger_connects::SCENARIO,
    large_messages::SCENARIO,
    silent_connections::SCENARIO,
    careless_callers::DROPPED_EVENTS,
    careless_callers::DROPPED_RECEIVER,
    careless_callers::UNREAD_SUBSCRIPTION,
    careless_callers::MANY_SUBSCRIPTIONS,
    careless_callers::UNREAD_SYNC,
    careless_callers::MANY_TOPICS,
    hostile_peers::UNKNOWN_TOPIC,
    hostile_peers::PANICKING_HANDLER,
    hostile_peers::SHORT_FRAME,
    hostile_peers::OWN_ID,
    own_frames::SCENARIO,
    hostile_peers::SILENT_NEIGHBOUR,
    hostile_frames::MALFORMED_PARAMETERS,
    hostile_frames::RETIRED_IDS,
    hostile_frames::STREAM_GAPS,
    hostile_frames::EMPTY_DATAGRAMS,
    hostile_frames::UNPERMITTED_STREAMS,
    hostile_frames::STOPPED_STREAMS,
    hostile_frames::FIRST_UNACKNOWLEDGED,
    quic_endpoints::FAILED_CONNECTS,
    quic_endpoints::WITHDRAWN_CONFIG,
    quic_endpoints::BATCHED_DATAGRAMS,
    quic_endpoints::REBOUND_SERVER,
    quic_endpoints::LOST_ENDPOINT,
    quic_endpoints::CLOSED_QUEUE,
    router::SCENARIO,
    shared_operations::SCENARIO,
    key_bundles::SCENARIO,
    deaf_neighbour::SCENARIO,
    sync_delta::SCENARIO,
    careless_callers::STUCK_HANDLER,
    careless_callers::SECOND_SUBSCRIPTION,
    sync_sessions::WAITING_SESSIONS,
    sync_sessions::OTHER_SESSION_FAILS,
    sync_sessions::REPEATED_HAVE,
    sync_sessions::ENDLESS_SESSION,
    sync_sessions::UNFINISHED_SESSIONS,
    crossing_bursts::SCENARIO,
    forged_gossip::INVENTED_MESSAGES,
    forged_gossip::PAYLOAD_FLOOD,
    forged_gossip::LATE_FRAMES,
    announcements::MANY_ANNOUNCEMENTS,
    announcements::LOST_ANSWERS,
    forged_gossip::MANY_HOPS,
    forged_gossip::LONG_WALKS,
    forged_gossip::INTRODUCED_PEERS,
    forged_gossip::HASTY_REJOIN,
    many_addresses::SCENARIO,
    many_candidates::SCENARIO,
    many_logs::SCENARIO,
    no_descriptors::SCENARIO,
    short_retention::SCENARIO,
    ended_runtime::SCENARIO,
    woken_node::SCENARIO,
    unanswered_dials::SCENARIO,
];
