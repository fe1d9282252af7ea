"""Name pools: given names and family stems of the peoples that meet at our borders.

Each pool is written once, in the script its owners use; :mod:`hub.trials.sample.names`
spells it the other ways. Order matters: commoner names stand first.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """The names of one culture.

    Attributes:
        script: How the pool is written: ``turkmen``, ``russian``, ``uzbek``,
            ``kazakh``, ``latin`` or ``turkish``.
        men: Given names.
        women: Given names.
        families: Family names of men; for ``turkmen`` the stems they are made from.
        patronymics: Whether papers of this culture carry one.
    """

    script: str
    men: tuple[str, ...]
    women: tuple[str, ...]
    families: tuple[str, ...]
    patronymics: bool


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


TURKMEN = Pool(
    script="turkmen",
    men=_names(
        "Myrat Serdar Batyr Döwlet Kerim Ata Çary Merdan Maksat Rahym Begenç Arslan "
        "Gurban Berdi Annamyrat Orazberdi Allaberdi Hemra Ýusup Öwez Wepa Guwanç "
        "Saparmyrat Nurmuhammet Gurbanguly Hojamyrat Şamyrat Ilmyrat Rejep Meret "
        "Ýazmyrat Ýegennazar Ýoldaş Durdy Annaguly Allamyrat Baýram Çarymyrat Didar "
        "Eziz Garaja Hudaýberdi Jora Kakajan Kemal Magtymguly Muhammet Nazar Oraz "
        "Öräz Perman Rozy Sapar Seýit Täçmyrat Welmämmet Ylýas Ýagmyr Ýakup Şöhrat"
    ),
    women=_names(
        "Ogulgerek Maral Aýna Gülşat Jeren Bahar Ogulnur Enejan Aýsoltan Gözel Läle "
        "Mähri Näzik Selbi Şemşat Täzegül Ýazgül Altyn Akjemal Aknabat Amangül Arzuw "
        "Aýgül Bägül Bibi Bossan Çynar Dursun Ejegyz Gülälek Gülnabat Gülbahar "
        "Hurma Jemal Kümüş Leýla Merjen Nabat Nartäç Oguljan Ogulbike Owadan Patma "
        "Sona Sülgün Tawus Tumar Uzuk Yhlas Zyba Züleýha Žanna Oguldurdy Ogulsapar"
    ),
    families=_names(
        "Annamyrat Orazberdi Gurban Ata Berdi Garaja Öwez Durdy Nazar Meret Hojamyrat "
        "Allaberdi Baýram Çary Rejep Sapar Ýoldaş Welmämmet Belli Öräz Taňryguly "
        "Annaguly Muhammet Hudaýberdi Ýegennazar Amangeldi Atamyrat Baba Begli Bäşim "
        "Çerkez Däde Eziz Gökleň Gylyç Hally Hydyr Jumageldi Kakabaý Kerim Kuly Magtym "
        "Mämmet Mäti Mustafa Nepes Nurberdi Nury Oraz Orazguly Öde Pälwan Paýzy Poşşy "
        "Rahman Sary Söýün Sähet Täç Tagan Tuwak Wepa Ýaýlym Ýazberdi Ýusup Şyh "
        "Şamämmet Žumaguly Döwletgeldi Akmyrat Aşyr Garly Gulmyrat Hezret Jora Ylýas"
    ),
    patronymics=True,
)

RUSSIAN = Pool(
    script="russian",
    men=_names(
        "Александр Сергей Дмитрий Андрей Алексей Максим Евгений Иван Михаил Юрий "
        "Николай Владимир Виктор Олег Игорь Павел Артём Роман Денис Вячеслав "
        "Константин Анатолий Геннадий Леонид Борис Пётр Григорий Фёдор Илья Ярослав"
    ),
    women=_names(
        "Елена Ольга Наталья Татьяна Анна Ирина Светлана Екатерина Мария Юлия Людмила "
        "Галина Марина Надежда Вера Любовь Валентина Оксана Дарья Анастасия Ксения "
        "Виктория Полина Алёна Жанна Лариса Нина Раиса Тамара Эльвира"
    ),
    families=_names(
        "Иванов Смирнов Кузнецов Попов Васильев Петров Соколов Михайлов Новиков "
        "Фёдоров Морозов Волков Алексеев Лебедев Семёнов Егоров Павлов Козлов Степанов "
        "Николаев Орлов Андреев Макаров Никитин Захаров Зайцев Соловьёв Борисов "
        "Яковлев Григорьев Романов Воробьёв Сергеев Кузьмин Щербаков Жуков Юдин "
        "Цветков Хохлов Ефимов Шевченко Коваленко Бондаренко Ткаченко Кравченко "
        "Вишневский Чайковский Левицкий Быков Емельянов Эльдаров Объедков"
    ),
    patronymics=True,
)

UZBEK = Pool(
    script="uzbek",
    men=_names(
        "Шерзод Жасур Отабек Улуғбек Бахтиёр Жаҳонгир Дилшод Рустам Фарҳод Сардор "
        "Ислом Азиз Ўктам Қаҳрамон Ғайрат Ҳасан Ҳусан Тоҳир Зафар Нодир Баҳодир Жамшид "
        "Абдулла Санжар Элдор Юсуф Яҳё Мирзо Темур Акмал"
    ),
    women=_names(
        "Дилноза Гулнора Нигора Феруза Зилола Мадина Шаҳноза Наргиза Умида Лола "
        "Севара Барно Гўзал Ҳилола Қундуз Ойдин Зулфия Муаттар Раъно Саодат Хуршида "
        "Ширин Юлдуз Камола Малика Нафиса Озода Робия Сабоҳат Дилором"
    ),
    families=_names(
        "Каримов Рахимов Юсупов Исмоилов Ҳасанов Қодиров Ғуломов Назаров Абдуллаев "
        "Тошматов Мирзаев Эргашев Холматов Раҳмонов Усмонов Содиқов Алимов Ҳакимов "
        "Жўраев Ўринов Қосимов Ғаниев Турсунов Норматов Бобоев Шарипов Хўжаев Ёқубов "
        "Исломов Мўминов Аҳмедов Султонов Тўраев Умаров Файзуллаев"
    ),
    patronymics=True,
)

KAZAKH = Pool(
    script="kazakh",
    men=_names(
        "Нұрлан Серік Бауыржан Ерлан Қайрат Мұрат Асқар Дәулет Ғалым Жандос Әлихан "
        "Тимур Айдос Болат Өміржан Үсен Ілияс Қуаныш Санжар Арман Ринат Данияр"
    ),
    women=_names(
        "Айгүл Гүлнар Сәуле Динара Әсел Жанар Қарлығаш Мәдина Назгүл Айнұр Бағила "
        "Ұлжан Іңкәр Өлмес Сандуғаш Тоғжан Раушан Шолпан Камила Алия Жібек Меруерт"
    ),
    families=_names(
        "Ахметов Омаров Сүлейменов Қасымов Ибраимов Оспанов Жұмабаев Нұрпейісов "
        "Әбдірахманов Тілеубаев Мұқанов Сейітов Ғабитов Төлегенов Бекмұхамбетов "
        "Жақсыбеков Исабеков Құнанбаев Қонаев Смағұлов Үмбетов Ерімбетов"
    ),
    patronymics=True,
)

PERSIAN = Pool(
    script="latin",
    men=_names(
        "Ahmad Mohammad Ali Reza Hossein Mehdi Abdul Karim Najib Farid Hamid Omid "
        "Jawad Khalid Naser Rahim Sharif Yusuf Zabihullah Amanullah Qasim Ghulam Wahid"
    ),
    women=_names(
        "Fatima Zahra Maryam Zainab Shirin Parisa Laila Nasrin Farzana Shabnam Roya "
        "Soraya Zohra Nargis Khadija Mahnaz Wajiha Yasamin Ghazal Hosna Qamar"
    ),
    families=_names(
        "Ahmadi Mohammadi Karimi Rahimi Hosseini Noori Sharifi Azizi Haidari Amiri "
        "Ahmadzai Stanekzai Yusufzai Popal Wardak Hakimi Qaderi Ghafari Zamani Jafari "
        "Moradi Rezaei Sadeghi Hashemi Wafa Yaqubi Khalili Shahbazi"
    ),
    patronymics=False,
)

TURKISH = Pool(
    script="turkish",
    men=_names(
        "Mehmet Mustafa Ahmet Ali Hüseyin Hasan İbrahim Osman Yusuf Murat Ömer Ramazan "
        "Halil Süleyman Özgür Çağlar Şükrü Tuğrul Ümit Volkan Cem Işık Kağan Ercan"
    ),
    women=_names(
        "Fatma Ayşe Emine Hatice Zeynep Elif Meryem Şerife Sultan Özlem Gülsüm Çiğdem "
        "Hacer Yasemin Büşra Nurgül Ümran Işıl Tuğba Ceren Gonca Seda Derya Merve"
    ),
    families=_names(
        "Yılmaz Kaya Demir Çelik Şahin Yıldız Yıldırım Öztürk Aydın Özdemir Arslan "
        "Doğan Kılıç Aslan Çetin Kara Koç Kurt Özkan Şimşek Polat Korkmaz Güneş Bulut "
        "Erdoğan Taş Ateş Güler Coşkun Uçar"
    ),
    patronymics=False,
)

LATIN = Pool(
    script="latin",
    men=_names(
        "Wei Jun Lei Qiang Rajesh Amit Sanjay Vijay John Peter Michael Thomas Hans "
        "Marco Pierre Kim Sung Tariq Imran Bilal Anil Ravi Chen Feng"
    ),
    women=_names(
        "Li Na Xiu Mei Priya Anita Sunita Kavita Mary Anne Julia Sarah Claire Sofia "
        "Min Ayesha Sana Hina Lakshmi Rina Yan Hui Emma Nora"
    ),
    families=_names(
        "Wang Zhang Liu Chen Yang Zhao Huang Singh Kumar Sharma Patel Khan Hussain "
        "Smith Brown Miller Weber Rossi Martin Bernard Park Lee Malik Iqbal Gupta Reddy"
    ),
    patronymics=False,
)

POOLS = (TURKMEN, RUSSIAN, UZBEK, KAZAKH, PERSIAN, TURKISH, LATIN)
"""All pools; a person's culture is an index into them."""
