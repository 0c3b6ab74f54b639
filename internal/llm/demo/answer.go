package demo

import (
	"fmt"
	"strings"
)

// answer is the reply to a message that asks for nothing special.
func (c conversation) answer() string {
	switch {
	case c.told != "":
		return fmt.Sprintf("Nice to meet you, %s. Ask me later what your name is: I read it from this conversation's history.", c.told)
	case c.mentions("name") && c.mentions("my"):
		if c.name == "" {
			return "You have not told me your name in this conversation. Say “my name is …” and ask again."
		}
		return fmt.Sprintf("Your name is %s: you told me so earlier in this conversation.", c.name)
	case c.mentions("remember", "earlier", "history"), c.mentions("first") && c.mentions("message"):
		return c.memory()
	case c.users <= 1:
		return c.introduction()
	}
	return fmt.Sprintf("%sYou wrote: %s\n\nThat is your message number %d here; %s%s", c.greeting(), quote(c.last), c.users, c.remembered(), c.instructions())
}

func (c conversation) toolIntroduction() string {
	switch {
	case c.written() != "":
		return "I use the calculator for that.\n\n"
	case c.mentions("time"):
		return "I have no clock, but I can let the calculator work out how many seconds a day has.\n\n"
	}
	return "Here is a tool at work, the calculator.\n\n"
}

func (c conversation) greeting() string {
	if c.name != "" {
		return c.name + ", I am listening. "
	}
	return ""
}

func (c conversation) memory() string {
	if c.users <= 1 {
		return "This is the first message of our conversation, so there is nothing to remember yet."
	}
	text := fmt.Sprintf("Before this message I see %d of yours and %d replies of mine. Your first was: %s", c.users-1, c.replies, quote(c.first))
	if c.name != "" {
		text += fmt.Sprintf("\n\nYou told me that your name is %s.", c.name)
	}
	return text
}

func (c conversation) remembered() string {
	if c.users == 2 {
		return "I also see the one before it."
	}
	return fmt.Sprintf("I also see the %d before it.", c.users-1)
}

func (c conversation) instructions() string {
	if c.system == 0 {
		return ""
	}
	return fmt.Sprintf(" Instructions of %d words came along.", c.system)
}

func (c conversation) introduction() string {
	return "Hello! I am the **demo model**. I run inside this server, need no key and cost nothing. You wrote: " + quote(c.last) + `

Here is what I can show you:

- *My name is Ada*, and later *what is my name?* I remember what was said in this conversation.
- *Think about the sea.* I show reasoning before I answer.
- *Calculate 12 * (3 + 4).* I use a tool, and answer with its result.
- ` + "`demo:long 300`, `demo:slow 100`, `demo:source`" + `: a long reply, a slow one, one with sources.
- ` + "`demo:error`, `demo:cut`, `demo:stall`" + `: what happens when things go wrong.

To talk to a real model, the server needs a provider's key.` + c.instructions()
}

// quote shows a message's beginning on one line.
func quote(text string) string {
	fields := strings.Fields(text)
	short := strings.Join(fields[:min(len(fields), 25)], " ")
	if runes := []rune(short); len(runes) > 200 {
		short = string(runes[:200])
	}
	if len(short) < len(strings.Join(fields, " ")) {
		short += " …"
	}
	if short == "" {
		return "nothing."
	}
	return "“" + short + "”"
}
