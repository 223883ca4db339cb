"""User-Agents as browsers, mail clients and programs send them: made from their parts, and the odd ones by hand."""

_KHTML = "AppleWebKit/537.36 (KHTML, like Gecko)"
_WEBKIT = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
_DESKTOPS = (
    "Windows NT 10.0; Win64; x64", "Windows NT 6.1; WOW64", "Macintosh; Intel Mac OS X 10_15_7", "X11; Linux x86_64",
    "X11; CrOS x86_64 14541.0.0", "X11; Ubuntu; Linux x86_64",
)  # fmt: skip
_PHONES = (
    "Linux; Android 10; K", "Linux; Android 14; SM-S918B Build/UP1A.231005.007", "Linux; Android 13; Pixel 7",
    "Linux; Android 12; M2101K6G", "Linux; U; Android 11; de-de; Redmi Note 8 Build/RKQ1.201004.002",
    "Linux; Android 9; CUBOT_X18_Plus Build/PPR1.180610.011", "Linux; Android 8.1.0; CUBOT NOTE 7",
)  # fmt: skip
_APPLES = (
    "iPhone; CPU iPhone OS 17_5_1 like Mac OS X", "iPhone; CPU iPhone OS 18_0 like Mac OS X",
    "iPad; CPU OS 16_6 like Mac OS X", "iPod touch; CPU iPhone OS 12_5 like Mac OS X",
)  # fmt: skip
_CHROMIUMS = ("", " Edg/128.0.2739.42", " OPR/113.0.0.0", " Vivaldi/6.9", " YaBrowser/24.7 Yowser/2.5", " Whale/3.27",
              " Avast/127.0", " Norton/126.0", " DuckDuckGo/7")  # fmt: skip
_MOBILES = ("", " EdgA/127.0", " OPR/82.0", " SamsungBrowser/26.0", " DuckDuckGo/5", " YaBrowser/24.6", " Brave/1.6")

BROWSERS = [
    *(f"Mozilla/5.0 ({at}) {_KHTML} Chrome/128.0.0.0 Safari/537.36{more}" for at in _DESKTOPS for more in _CHROMIUMS),
    *(f"Mozilla/5.0 ({at}; rv:{v}.0) Gecko/20100101 Firefox/{v}.0" for at in _DESKTOPS for v in (78, 102, 115, 130)),
    *(
        f"Mozilla/5.0 ({at}) {_KHTML} Chrome/128.0.0.0 Mobile Safari/537.36{more}"
        for at in _PHONES
        for more in _MOBILES
    ),
    *(f"Mozilla/5.0 ({at}) {_WEBKIT} Version/17.5 Mobile/15E148 Safari/604.1" for at in _APPLES),
    *(f"Mozilla/5.0 ({at}) {_WEBKIT} Mobile/15E148" for at in _APPLES),
    *(f"Mozilla/5.0 ({at}) {_WEBKIT} CriOS/128.0.6613.98 Mobile/15E148 Safari/604.1" for at in _APPLES),
    *(f"Mozilla/5.0 ({at}) {_WEBKIT} FxiOS/130.0 Mobile/15E148 Safari/605.1.15" for at in _APPLES),
    *(f"Mozilla/5.0 ({at}) {_WEBKIT} EdgiOS/127.0 Version/17.0 Mobile/15E148 Safari/604.1" for at in _APPLES),
    *(f"Mozilla/5.0 ({at}) {_WEBKIT} GSA/331.0 Mobile/15E148 Safari/604.1" for at in _APPLES),
    *(f"Mozilla/5.0 ({at}; rv:115.0) Gecko/20100101 Thunderbird/115.14.0" for at in _DESKTOPS),
    *(f"Mozilla/5.0 ({at}; rv:128.0) Gecko/20100101 Thunderbird/128.2.0" for at in _DESKTOPS),
    f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {_WEBKIT} Version/17.5 Safari/605.1.15",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; Trident/7.0; rv:11.0) like Gecko",
    "Mozilla/5.0 (compatible; MSIE 10.0; Windows NT 6.2; Trident/6.0)",
    (
        "Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 10.0; WOW64; Trident/7.0; .NET4.0C; "
        ".NET4.0E; .NET CLR 2.0.50727; "
        ".NET CLR 3.0.30729; Microsoft Outlook 16.0.5435; Microsoft Outlook 16.0.5435; ms-office; MSOffice 16)"
    ),
    "Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.17726; Pro)",
    "Microsoft Office/16.0 (Microsoft Outlook Mail 16.0.17830; Pro)",
    "Outlook-iOS/711.2620504.prod.iphone (4.2427.0)",
    "Outlook-Android/2.0",
    (
        "Mozilla/5.0 (Linux; Android 14; SM-A546B; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/127.0 "
        "Mobile Safari/537.36 [FB_IAB/FB4A;FBAV/478.0.0.41.86;]"
    ),
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 "
        "[FBAN/FBIOS;FBAV/475.0;FBBV/626;FBDV/iPhone14,5;FBMD/iPhone;FBSN/iOS;FBSV/17.5;FBSS/3;FBID/phone;FBLC/de_DE]"
    ),
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 "
        "Instagram 341.0.3.30.76 (iPhone15,2; iOS 17_5; de_DE; de; scale=3.00; 1179x2556; 627400398)"
    ),
    (
        "Mozilla/5.0 (Linux; Android 13; Pixel 6; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/126.0 "
        "Mobile Safari/537.36 Instagram 339.0 Android (33/13; 420dpi; 1080x2209; Google/google; Pixel 6; oriole)"
    ),
    (
        "Mozilla/5.0 (Linux; Android 14; Pixel 8; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/128.0 "
        "Mobile Safari/537.36 GoogleApp/15.33"
    ),
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/21G80 "
        "[LinkedInApp]/9.29.8962"
    ),
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/21G80 "
        "Twitter for iPhone/10.54"
    ),
    (
        "Mozilla/5.0 (Linux; Android 13; SM-G991B) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/127.0 Mobile Safari/537.36 "
        "Telegram-Android/10.14.5 (Samsung SM-G991B; Android 13; SDK 33; HIGH)"
    ),
    (
        "Mozilla/5.0 (Linux; Android 13; SM-A135F; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/127.0 "
        "Mobile Safari/537.36 de.gmx.mobile.android.mail/7.53"
    ),
    (
        "Mozilla/5.0 (Linux; Android 12; SM-T500; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/126.0 "
        "Safari/537.36 YahooMobile/1.0 (mail; 7.40.1)"
    ),
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36 "
        "eM Client/9.2.2157"
    ),
    f"Mozilla/5.0 (X11; Linux x86_64) {_WEBKIT} Version/16.0 Safari/605.1.15 Epiphany/605.1",
    f"Mozilla/5.0 (PlayStation; PlayStation 5/6.50) {_WEBKIT} Version/13.0 Safari/605.1.15",
    (
        "Mozilla/5.0 (SMART-TV; LINUX; Tizen 6.0) AppleWebKit/537.36 (KHTML, like Gecko) "
        "SamsungBrowser/3.0 Chrome/76.0 TV "
        "Safari/537.36"
    ),
    "Mozilla/5.0 (Mobile; Nokia 8110 4G; rv:48.0) Gecko/48.0 Firefox/48.0 KAIOS/2.5",
    "Mozilla/5.0 (X11; OpenBSD amd64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Mozilla/5.0 (Android 14; Mobile; rv:130.0) Gecko/130.0 Firefox/130.0",
    (
        "Mozilla/5.0 (Windows Phone 10.0; Android 6.0.1; Microsoft; Lumia 950) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/52.0 Mobile Safari/537.36 Edge/15.15254"
    ),
    f"Mozilla/5.0 (Linux; Android 9; KFMAWI) {_KHTML} Silk/126.4 like Chrome/126.0 Safari/537.36",
    (
        "Mozilla/5.0 (Linux; U; Android 12; de-de; SM-M127F) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 "
        "Chrome/100.0 Mobile Safari/537.36 XiaoMi/MiuiBrowser/14.14"
    ),
    (
        "Mozilla/5.0 (Linux; U; Android 11; en-US; RMX2103) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Version/4.0 Chrome/100.0 "
        "UCBrowser/13.6 Mobile Safari/537.36"
    ),
    "Opera/9.80 (Android; Opera Mini/69.0/191.312; U; de) Presto/2.12.423 Version/12.16",
    "Dalvik/2.1.0 (Linux; U; Android 13; SM-G781B Build/TP1A.220624.014)",
    "Mail/3774.600.62 CFNetwork/1496.0.7 Darwin/23.5.0",
    "Lotus-Notes/6.0 (Windows-NT)",
    "Evolution/3.52",
    "K-9 Mail/6.803",
    "AquaMail/1.51 (Android)",
    "MacOutlook/16.88 (Intelx64 Mac OS X Version 14.6)",
]

_CHROME = f"Mozilla/5.0 (X11; Linux x86_64) {_KHTML} Chrome/128.0.0.0 Safari/537.36"
_NAMED = """
Googlebot/2.1 bingbot/2.0 YandexBot/3.0 Baiduspider/2.0 DuckDuckBot/1.1 Applebot/0.1 AhrefsBot/7.0 SemrushBot/7~bl
MJ12bot/v1.4.8 DotBot/1.2 PetalBot Bytespider GPTBot/1.2 ChatGPT-User/1.0 ClaudeBot/1.0 PerplexityBot/1.0 CCBot/2.0
Amazonbot/0.1 facebookexternalhit/1.1 meta-externalagent/1.1 Twitterbot/1.0 LinkedInBot/1.0 Slackbot-LinkExpanding
Discordbot/2.0 TelegramBot WhatsApp/2.24 SkypeUriPreview Pinterest/0.2 Embedly/0.2 Iframely/1.3 vkShare Feedly/1.0
Feedbin NewsBlur archive.org_bot ia_archiver heritrix/3.4 HTTrack Nutch-1.19 Sogou YisouSpider coccocbot-web/1.0
SeznamBot/4.0 Exabot/3.0 BLEXBot/1.0 DataForSeoBot/1.0 serpstatbot/2.1 rogerbot/1.2 MegaIndex.ru/2.0 CensysInspect/1.1
InternetMeasurement/1.0 Expanse NetcraftSurveyAgent/1.0 masscan/1.3 zgrab/0.x Nmap sqlmap/1.7 nikto UptimeRobot/2.0
Pingdom.com_bot_version_1.4 StatusCake Site24x7 GTmetrix Chrome-Lighthouse HeadlessChrome/128.0 PhantomJS/2.1.1
Google-InspectionTool/1.0 Google-Read-Aloud GoogleOther Mediapartners-Google AdsBot-Google APIs-Google BingPreview/1.0b
Proofpoint-URL-Scanner Mimecast-URL-Check BarracudaCentral Symantec-WebSecurity TrendMicro-Scanner ZScaler-Scanner
Wappalyzer BuiltWith/1.0 W3C_Validator/1.3 W3C-checklink/4.5 Prerender Screaming-Frog-SEO-Spider/20.2
""".split()  # noqa: SIM905 - words read better as words
CRAWLERS = [
    *_NAMED,
    *(f"Mozilla/5.0 (compatible; {name}; +https://crawler.example/about)" for name in _NAMED),
    *(f"{_CHROME} {name}" for name in _NAMED),
    *(f"Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X) {_KHTML} Chrome/128.0 Mobile Safari/537.36 (compatible; {name})"
      for name in _NAMED),
    "python-requests/2.32.3", "Python/3.11 aiohttp/3.9.5", "python-httpx/0.27.0", "Python-urllib/3.12", "curl/8.9.1",
    "Wget/1.24.5", "Go-http-client/2.0", "Java/17.0.10", "Apache-HttpClient/5.3 (Java/21)", "okhttp/4.12.0",
    "axios/1.7.4", "node-fetch/1.0 (+https://github.example/bitinn/node-fetch)", "undici",
    "got (https://github.example)",
    "GuzzleHttp/7", "PHP/8.3", "Ruby", "Faraday v2.9.0", "libwww-perl/6.77", "Dart/3.5 (dart:io)", "reqwest/0.12",
    "PostmanRuntime/7.41.0", "insomnia/9.3.3", "HTTPie/3.2.2", "Scrapy/2.11 (+https://scrapy.example)", "k6/0.52.0",
    "Mozilla/5.0 (Windows NT; Windows NT 10.0; en-US) WindowsPowerShell/5.1.19041",
    "WordPress/6.6; https://blog.example",
    "Microsoft Office Protocol Discovery", "Microsoft Office Existence Discovery", "Mozilla/5.0 (compatible; Foo/1.0)",
    "Mozilla/5.0 research@university.example", "FooReader 1.0", "Mozilla/5.0 (X11; Linux x86_64) Ninja/1.0", "test",
]  # fmt: skip
PROXIES = [
    "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
    "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html",
]
