"""Every setting that makes Synapse safe for people at risk, with the reason for each.

Synapse ignores keys it does not know, so a typo here would silently open what it was meant to close: a test
reads this table through the installed Synapse and fails on any key that nobody asked for. The audit reads the
table too.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple


class Setting(NamedTuple):
    """One value of the configuration and why it is so."""

    value: Any
    reason: str


_LEVEL_OF_STATE: Final = {
    "m.room.name": 100,
    "m.room.topic": 100,
    "m.room.avatar": 100,
    "m.room.canonical_alias": 100,
    "m.room.power_levels": 100,
    "m.room.server_acl": 100,
    "m.room.encryption": 100,
    "m.room.history_visibility": 100,
    "m.room.join_rules": 100,
    "m.room.guest_access": 100,
    "m.room.policy": 100,
    "m.room.tombstone": 150,
}

HARDENING: Final[Mapping[str, Setting]] = {
    # Who may have an account
    "enable_registration": Setting(True, "members register themselves, with a token only"),
    "registration_requires_token": Setting(True, "nobody registers without an invitation"),
    "enable_registration_token_3pid_bypass": Setting(False, "a token is never optional"),
    "inhibit_user_in_use_error": Setting(True, "no outsider can ask which pseudonyms exist"),
    "allow_guest_access": Setting(False, "guests are vetted by nobody"),
    "enable_set_displayname": Setting(False, "the pseudonym is given, not chosen"),
    "enable_set_avatar_url": Setting(False, "a portrait names a person"),
    "max_avatar_size": Setting("1", "the key above forbids changing a portrait, not setting the first one"),
    "allow_per_room_profiles": Setting(False, "else a member renames themselves room by room"),
    "enable_3pid_lookup": Setting(False, "no phone book of members"),
    "enable_3pid_changes": Setting(False, "no address or number is tied to a pseudonym"),
    "disable_msisdn_registration": Setting(True, "no phone numbers"),
    "password_config.policy.enabled": Setting(True, "a stolen hash must be expensive"),
    "password_config.policy.minimum_length": Setting(14, "a phrase, not a word"),
    "login_via_existing_session.enabled": Setting(False, "an unlocked phone must not breed sessions"),
    "ui_auth.session_timeout": Setting("15s", "each dangerous change asks for the passphrase"),
    "delete_stale_devices_after": Setting("365d", "shorter would log quiet members out"),
    # What a stranger can find out
    "allow_public_rooms_without_auth": Setting(False, "no list of rooms"),
    "allow_public_rooms_over_federation": Setting(False, "no list of rooms"),
    "enable_room_list_search": Setting(False, "no list of rooms"),
    "room_list_publication_rules": Setting([], "nobody publishes a room"),
    "alias_creation_rules": Setting([], "an address says what a room is for"),
    "require_membership_for_aliases": Setting(True, "an address is not a way to look in"),
    "user_directory.enabled": Setting(False, "no list of people"),
    "user_directory.search_all_users": Setting(False, "no list of people"),
    "presence.enabled": Setting(False, "when somebody is awake is their own business"),
    "require_auth_for_profile_requests": Setting(True, "profiles are for members"),
    "limit_profile_requests_to_users_who_share_rooms": Setting(True, "profiles are for neighbours"),
    "include_profile_data_on_invite": Setting(False, "an invitation need not carry a profile"),
    "allow_profile_lookup_over_federation": Setting(False, "profiles stay here"),
    "allow_device_name_lookup_over_federation": Setting(False, "device names stay here"),
    "experimental_features.msc4263_limit_key_queries_to_users_who_share_rooms": Setting(
        True, "who has which devices is for neighbours"
    ),
    "caches.per_cache_factors": Setting(
        # Synapse 1.163 never forgets an answer of the check above: whoever asked a moment before they came to
        # share a room would not be told each other's keys, nor their own, until the next restart
        {"does_pair_of_users_share_a_room_joined_or_invited": 0},
        "neighbours are told each other's keys at once",
    ),
    "experimental_features.msc4155_enabled": Setting(True, "members can filter invitations"),
    "experimental_features.msc4222_enabled": Setting(
        # else a message at the moment when somebody comes has apps and bots believe that they did not
        True,
        "apps and bots know who is in a room",
    ),
    "url_preview_enabled": Setting(False, "the server must not visit what people send"),
    "push.include_content": Setting(False, "push gateways see ids only"),
    "push.group_unread_count_by_room": Setting(False, "push gateways learn no counts"),
    "report_stats": Setting(False, "no figures leave"),
    "serve_server_wellknown": Setting(False, "our own pages serve it"),
    "suppress_key_server_warning": Setting(True, "there is no key server on purpose"),
    # What is kept, and how long
    "user_ips_max_age": Setting("1d", "where people connect from is forgotten"),
    "track_puppeted_user_ips": Setting(False, "where people connect from is not gathered"),
    "redaction_retention_period": Setting("1d", "what was deleted is deleted"),
    "forget_rooms_on_leave": Setting(True, "a removed member's phone forgets the room"),
    "forgotten_room_retention_period": Setting("7d", "rooms nobody is in are purged"),
    "retention.enabled": Setting(True, "messages end"),
    "retention.allowed_lifetime_min": Setting("1d", "no room may keep less than a day"),
    "retention.purge_jobs": Setting(
        [
            {"longest_max_lifetime": "30d", "interval": "1h"},
            {"shortest_max_lifetime": "30d", "interval": "1d"},
        ],
        "short-lived rooms are purged hourly",
    ),
    "media_retention.remote_media_lifetime": Setting("14d", "copies of partners' files end"),
    "enable_authenticated_media": Setting(True, "a link alone opens no file"),
    "max_upload_size": Setting("20M", "a small server"),
    "max_image_pixels": Setting("20M", "decompression bombs"),
    "media_upload_limits": Setting(
        [{"time_period": "1h", "max_size": "200M"}, {"time_period": "1d", "max_size": "500M"}],
        "one account cannot fill the disk",
    ),
    # Rooms
    "default_room_version": Setting("12", "creators keep their power for good"),
    "encryption_enabled_by_default_for_room_type": Setting("all", "behind the gate, once more"),
    "default_power_level_content_override": Setting(
        {
            "private_chat": {
                "invite": 100,
                "kick": 100,
                "ban": 100,
                "redact": 100,
                "state_default": 100,
                # `events` replaces Synapse's own map: a type left out falls back to state_default
                "events": dict(_LEVEL_OF_STATE),
            }
        },
        "a room whose maker forgot its levels is closed",
    ),
    # Other servers
    "federation_client_minimum_tls_version": Setting("1.2", "no downgraded link to a partner"),
    "trusted_key_servers": Setting([], "no third party vouches for keys"),
    "limit_remote_rooms": Setting(
        {"enabled": True, "complexity": 3.0, "admins_can_join": True},
        "huge foreign rooms stall a small server",
    ),
    # How fast. Registration and login count the address, and a workshop sits behind one
    "rc_registration": Setting({"per_second": 1, "burst_count": 60}, "a workshop joins behind one address"),
    "rc_registration_token_validity": Setting(
        {"per_second": 1, "burst_count": 60}, "a workshop joins behind one address"
    ),
    "rc_login.address": Setting(
        {"per_second": 1, "burst_count": 60}, "a workshop logs in behind one address"
    ),
    "rc_login.account": Setting(
        {"per_second": 0.1, "burst_count": 5}, "one account is not logged in in bulk"
    ),
    "rc_login.failed_attempts": Setting(
        {"per_second": 0.05, "burst_count": 5}, "passphrases are not guessed"
    ),
    "rc_message": Setting({"per_second": 5, "burst_count": 30}, "one account cannot flood"),
    "rc_room_creation": Setting({"per_second": 0.02, "burst_count": 3}, "no mass of private chats"),
    "rc_invites.per_room": Setting({"per_second": 0.3, "burst_count": 10}, "no mass of invitations"),
    "rc_invites.per_user": Setting({"per_second": 0.01, "burst_count": 5}, "nobody is buried in invitations"),
    "rc_invites.per_issuer": Setting({"per_second": 0.3, "burst_count": 10}, "no mass of invitations"),
    # The gate decides who joins; these only have to outlive a country joining on one evening
    "rc_joins.local": Setting({"per_second": 1, "burst_count": 60}, "a member joins all their rooms at once"),
    "rc_joins.remote": Setting({"per_second": 0.05, "burst_count": 5}, "foreign rooms are rare"),
    "rc_joins_per_room": Setting({"per_second": 20, "burst_count": 400}, "a country joins on one evening"),
    "enable_metrics": Setting(True, "figures without names, on loopback"),
}
"""Dotted path of the key → its value and reason."""
