"""The OAuth2 providers that records may log in through: what is known of each, and how a login starts.

`PROVIDERS` is the table, in the order in which the API lists them. What a collection configures for a provider comes
before what stands here. The logos are our own: a neutral square with the provider's initial.
"""

from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import Any, NamedTuple
from urllib.parse import urlencode

from worker.schema.options import Provider
from worker.sql import ALPHANUMERIC, rand_text

STATE_LENGTH = 30
VERIFIER_LENGTH = 43
CHALLENGE_METHOD = "S256"
FORM_POST = (("response_mode", "form_post"),)


class Known(NamedTuple):
    """What is known of a provider. Empty URLs are for whoever configures it: there is no server but their own."""

    name: str
    title: str
    auth_url: str = ""
    token_url: str = ""
    user_info_url: str = ""
    scopes: str = ""
    pkce: bool = True
    # what the address of a login has besides
    extra: tuple[tuple[str, str], ...] = ()


PROVIDERS = (
    Known(
        "apple",
        "Apple",
        "https://appleid.apple.com/auth/authorize",
        "https://appleid.apple.com/auth/token",
        # no address: the user stands in the id_token
        scopes="name email",
        extra=FORM_POST,
    ),
    Known(
        "google",
        "Google",
        "https://accounts.google.com/o/oauth2/v2/auth",
        "https://oauth2.googleapis.com/token",
        "https://www.googleapis.com/oauth2/v3/userinfo",
        "https://www.googleapis.com/auth/userinfo.profile https://www.googleapis.com/auth/userinfo.email",
    ),
    Known(
        "microsoft",
        "Microsoft",
        "https://login.microsoftonline.com/common/oauth2/v2.0/authorize",
        "https://login.microsoftonline.com/common/oauth2/v2.0/token",
        "https://graph.microsoft.com/v1.0/me",
        "User.Read",
    ),
    Known(
        "yandex",
        "Yandex",
        "https://oauth.yandex.com/authorize",
        "https://oauth.yandex.com/token",
        "https://login.yandex.ru/info",
        "login:email login:avatar login:info",
    ),
    Known(
        "facebook",
        "Facebook",
        "https://www.facebook.com/v3.2/dialog/oauth",
        "https://graph.facebook.com/v3.2/oauth/access_token",
        "https://graph.facebook.com/me?fields=name,email,picture.type(large)",
        "email",
    ),
    Known(
        "instagram2",
        "Instagram",
        "https://www.instagram.com/oauth/authorize",
        "https://api.instagram.com/oauth/access_token",
        "https://graph.instagram.com/me?fields=id,username,account_type,user_id,name,profile_picture_url"
        ",followers_count,follows_count,media_count",
        "instagram_business_basic",
    ),
    Known(
        "github",
        "GitHub",
        "https://github.com/login/oauth/authorize",
        "https://github.com/login/oauth/access_token",
        "https://api.github.com/user",
        "read:user user:email",
    ),
    Known(
        "gitlab",
        "GitLab",
        "https://gitlab.com/oauth/authorize",
        "https://gitlab.com/oauth/token",
        "https://gitlab.com/api/v4/user",
        "read_user",
    ),
    Known(
        "bitbucket",
        "Bitbucket",
        "https://bitbucket.org/site/oauth2/authorize",
        "https://bitbucket.org/site/oauth2/access_token",
        "https://api.bitbucket.org/2.0/user",
        "account",
        pkce=False,
    ),
    Known(
        "gitee",
        "Gitee",
        "https://gitee.com/oauth/authorize",
        "https://gitee.com/oauth/token",
        "https://gitee.com/api/v5/user",
        "user_info emails",
    ),
    Known(
        "gitea",
        "Gitea/Forgejo",
        "https://gitea.com/login/oauth/authorize",
        "https://gitea.com/login/oauth/access_token",
        "https://gitea.com/api/v1/user",
        "read:user user:email",
    ),
    Known(
        "discord",
        "Discord",
        "https://discord.com/api/oauth2/authorize",
        "https://discord.com/api/oauth2/token",
        "https://discord.com/api/users/@me",
        "identify email",
    ),
    Known(
        "twitter",
        "X/Twitter",
        "https://x.com/i/oauth2/authorize",
        "https://api.x.com/2/oauth2/token",
        "https://api.x.com/2/users/me?user.fields=id,name,username,profile_image_url,confirmed_email",
        "users.read users.email tweet.read",
    ),
    Known(
        "kakao",
        "Kakao",
        "https://kauth.kakao.com/oauth/authorize",
        "https://kauth.kakao.com/oauth/token",
        "https://kapi.kakao.com/v2/user/me",
        "account_email profile_nickname profile_image",
    ),
    Known(
        "vk",
        "ВКонтакте",
        "https://oauth.vk.com/authorize",
        "https://oauth.vk.com/access_token",
        "https://api.vk.com/method/users.get?fields=photo_max,screen_name&v=5.131",
        "email",
        pkce=False,
    ),
    Known(
        "linear",
        "Linear",
        "https://linear.app/oauth/authorize",
        "https://api.linear.app/oauth/token",
        "https://api.linear.app/graphql",
        "read",
        pkce=False,
    ),
    Known(
        "notion",
        "Notion",
        "https://api.notion.com/v1/oauth/authorize",
        "https://api.notion.com/v1/oauth/token",
        "https://api.notion.com/v1/users/me",
    ),
    Known(
        "monday",
        "monday.com",
        "https://auth.monday.com/oauth2/authorize",
        "https://auth.monday.com/oauth2/token",
        "https://api.monday.com/v2",
        "me:read",
    ),
    Known(
        "lark",
        "Lark",
        "https://accounts.feishu.cn/open-apis/authen/v1/authorize",
        "https://open.feishu.cn/open-apis/authen/v2/oauth/token",
        "https://open.feishu.cn/open-apis/authen/v1/user_info",
    ),
    Known(
        "box",
        "Box",
        "https://account.box.com/api/oauth2/authorize",
        "https://api.box.com/oauth2/token",
        "https://api.box.com/2.0/users/me",
        "root_readonly",
    ),
    Known(
        "spotify",
        "Spotify",
        "https://accounts.spotify.com/authorize",
        "https://accounts.spotify.com/api/token",
        "https://api.spotify.com/v1/me",
        "user-read-private",
    ),
    Known(
        "trakt",
        "Trakt",
        "https://trakt.tv/oauth/authorize",
        "https://api.trakt.tv/oauth/token",
        "https://api.trakt.tv/users/settings",
    ),
    Known(
        "twitch",
        "Twitch",
        "https://id.twitch.tv/oauth2/authorize",
        "https://id.twitch.tv/oauth2/token",
        "https://api.twitch.tv/helix/users",
        "user:read:email",
    ),
    Known(
        "patreon",
        "Patreon",
        "https://www.patreon.com/oauth2/authorize",
        "https://www.patreon.com/api/oauth2/token",
        "https://www.patreon.com/api/oauth2/v2/identity"
        "?fields%5Buser%5D=full_name,email,vanity,image_url,is_email_verified",
        "identity identity[email]",
    ),
    Known(
        "strava",
        "Strava",
        "https://www.strava.com/oauth/authorize",
        "https://www.strava.com/api/v3/oauth/token",
        "https://www.strava.com/api/v3/athlete",
        "profile:read_all",
    ),
    Known(
        "wakatime",
        "WakaTime",
        "https://wakatime.com/oauth/authorize",
        "https://wakatime.com/oauth/token",
        "https://wakatime.com/api/v1/users/current",
        "email",
    ),
    Known(
        "livechat",
        "LiveChat",
        "https://accounts.livechat.com/",
        "https://accounts.livechat.com/token",
        "https://accounts.livechat.com/v2/accounts/me",
    ),
    Known("mailcow", "mailcow", scopes="profile"),
    Known(
        "planningcenter",
        "Planning Center",
        "https://api.planningcenteronline.com/oauth/authorize",
        "https://api.planningcenteronline.com/oauth/token",
        "https://api.planningcenteronline.com/people/v2/me",
        "people",
    ),
    # for any server that speaks OpenID Connect
    Known("oidc", "OIDC", scopes="openid email profile"),
    Known("oidc2", "OIDC", scopes="openid email profile"),
    Known("oidc3", "OIDC", scopes="openid email profile"),
)
BY_NAME = {known.name: known for known in PROVIDERS}

LOGO = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="32" height="32" viewBox="0 0 32 32">'
    '<rect width="32" height="32" rx="7" fill="#5b6472"/>'
    '<text x="16" y="22" font-family="sans-serif" font-size="18" text-anchor="middle" fill="#fff">{initial}</text>'
    "</svg>"
)


def listed() -> list[dict[str, str]]:
    """Every provider there is, as the API lists them."""
    return [{"name": known.name, "displayName": known.title, "logo": logo_of(known)} for known in PROVIDERS]


def logo_of(known: Known) -> str:
    """An SVG for a provider: its initial in a square."""
    return LOGO.format(initial=known.title[0].upper())


def login_of(provider: Provider) -> dict[str, Any] | None:
    """How a login through `provider` starts, with a fresh state and verifier; None for a provider nobody knows.

    The address lacks the client's own part at its end: where the provider shall send the user back to.
    """
    known = BY_NAME.get(provider.name)
    if known is None:
        return None
    state = rand_text(STATE_LENGTH, ALPHANUMERIC)
    verifier = challenge = method = ""
    params = {"client_id": provider.client_id, "response_type": "code", "state": state, **dict(known.extra)}
    if known.scopes:
        params["scope"] = known.scopes
    if known.pkce if provider.pkce is None else provider.pkce:
        verifier = rand_text(VERIFIER_LENGTH, ALPHANUMERIC)
        challenge = challenge_of(verifier)
        method = CHALLENGE_METHOD
        params |= {"code_challenge": challenge, "code_challenge_method": method}
    address = provider.auth_url or known.auth_url
    address += ("&" if "?" in address else "?") + urlencode(sorted(params.items())) + "&redirect_uri="
    return {
        "name": provider.name,
        "displayName": provider.display_name or known.title,
        "logo": logo_of(known),
        "state": state,
        "authURL": address,
        "authUrl": address,
        "codeVerifier": verifier,
        "codeChallenge": challenge,
        "codeChallengeMethod": method,
    }


def challenge_of(verifier: str) -> str:
    """What is sent ahead of a code verifier (RFC 7636): its SHA-256, base64url, without padding."""
    return urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("=")
