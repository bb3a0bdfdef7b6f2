from operator import index as clamp
