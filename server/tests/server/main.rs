//! `boathook-server` as a program: its commands, its listeners, its end, and what it writes into the log.
#![allow(clippy::unwrap_used)]
mod audit;
mod commands;
mod config;
mod drain;
mod erase;
mod home;
mod logs;
mod objects;
mod people;
mod store;
mod tls;
mod wire;
