//! Real firmware in virtual machines boots from the network.
